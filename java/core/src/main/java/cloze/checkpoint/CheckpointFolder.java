package cloze.checkpoint;

import cloze.io.DurableFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The checkpoints of one run, in folders such as {@code checkpoint-000012-step-4000/}. Each holds the weights
 * ({@code model.safetensors}) and all other state for an exact resume ({@code state.safetensors}).
 *
 * <p>A checkpoint is written to a folder with another name, synced, and renamed: it exists complete or not at all, even
 * if the process or the machine stops. {@code model.safetensors} of the run folder is a link to the newest weights. One
 * process may write while any number read.
 */
public final class CheckpointFolder {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointFolder.class);
    private static final Pattern NAME = Pattern.compile("checkpoint-(\\d{6,12})-step-(\\d{1,18})");
    private static final Pattern UNFINISHED =
            Pattern.compile("(checkpoint-.*|\\.model\\.safetensors)" + Pattern.quote(DurableFiles.UNFINISHED));

    /** Adds the content of a checkpoint. */
    @FunctionalInterface
    public interface Contents {
        void addTo(CheckpointWriter checkpoint) throws IOException;
    }

    /** The highest number is the newest: numbers rise even if a run resumes from an older step. */
    private record Generation(long number, long step, Path folder) {}

    private final Path folder;
    private final int kept;

    /** Keeps the two newest checkpoints. */
    public CheckpointFolder(Path folder) {
        this(folder, 2);
    }

    /** @param kept number of newest checkpoints to keep, at least 1 */
    public CheckpointFolder(Path folder, int kept) {
        if (kept < 1) {
            throw new IllegalArgumentException("CheckpointFolder: kept must be at least 1, but is " + kept);
        }
        this.folder = folder;
        this.kept = kept;
    }

    /** Writes a checkpoint, which is durable when this returns, and deletes those that are no longer kept. */
    public void write(long step, Contents contents) throws IOException {
        Files.createDirectories(folder);
        recover();
        List<Generation> older = newestFirst();
        long number = older.isEmpty() ? 1 : older.getFirst().number() + 1;
        var checkpoint = new CheckpointWriter(number, step);
        contents.addTo(checkpoint);
        Path finished = folder.resolve(String.format(Locale.ROOT, "checkpoint-%06d-step-%d", number, step));
        Path unfinished = unfinished(finished);
        try {
            Files.createDirectory(unfinished);
            checkpoint.model().create(unfinished.resolve(Checkpoint.MODEL));
            checkpoint.state().create(unfinished.resolve(Checkpoint.STATE));
            DurableFiles.syncFolder(unfinished.resolve(Checkpoint.STATE));
            DurableFiles.rename(unfinished, finished);
        } finally {
            DurableFiles.deleteFolder(unfinished);
        }
        publish(finished);
        for (Generation old : older.subList(Math.min(kept - 1, older.size()), older.size())) {
            // a partly deleted folder must not look like a checkpoint
            DurableFiles.rename(old.folder(), unfinished(old.folder()));
            DurableFiles.deleteFolder(unfinished(old.folder()));
        }
    }

    /**
     * Removes unfinished files of a killed writer and links {@code model.safetensors} to the newest weights. Only for
     * the writing process, before it resumes; {@link #write} calls it too.
     */
    public void recover() throws IOException {
        if (!Files.isDirectory(folder)) {
            return;
        }
        for (Path left : list(UNFINISHED)) {
            DurableFiles.deleteFolder(left);
        }
        List<Generation> generations = newestFirst();
        if (!generations.isEmpty()) {
            publish(generations.getFirst().folder());
        }
    }

    private void publish(Path newest) throws IOException {
        Path model = newest.resolve(Checkpoint.MODEL);
        if (Files.exists(model)) {
            DurableFiles.replaceByLink(folder.resolve(Checkpoint.MODEL), model);
        }
    }

    /**
     * Opens the newest checkpoint; empty if there is none. A damaged one is skipped with a warning.
     *
     * @throws CheckpointException if all checkpoints are damaged; the message describes the newest
     */
    public Optional<Checkpoint> latest() throws IOException {
        IOException first = null;
        for (Generation generation : newestFirst()) {
            try {
                return Optional.of(Checkpoint.open(generation.folder(), generation.number(), generation.step()));
            } catch (IOException e) {
                if (!Files.isDirectory(generation.folder())) {
                    return latest(); // the writer has replaced it meanwhile
                }
                LOG.warn("skipping a damaged checkpoint: {}", e.getMessage());
                first = firstOf(first, e);
            }
        }
        if (first != null) {
            throw first;
        }
        return Optional.empty();
    }

    private static IOException firstOf(@Nullable IOException first, IOException next) {
        if (first == null) {
            return next;
        }
        first.addSuppressed(next);
        return first;
    }

    private List<Generation> newestFirst() throws IOException {
        return list(NAME).stream()
                .map(CheckpointFolder::generation)
                .sorted(Comparator.comparingLong(Generation::number).reversed())
                .toList();
    }

    private static Generation generation(Path folder) {
        Matcher name = NAME.matcher(folder.getFileName().toString());
        if (!name.matches()) {
            throw new IllegalStateException(folder + " is no checkpoint");
        }
        return new Generation(Long.parseLong(name.group(1)), Long.parseLong(name.group(2)), folder);
    }

    private List<Path> list(Pattern name) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(
                            file -> name.matcher(file.getFileName().toString()).matches())
                    .toList();
        }
    }

    private static Path unfinished(Path checkpoint) {
        return checkpoint.resolveSibling(checkpoint.getFileName() + DurableFiles.UNFINISHED);
    }
}
