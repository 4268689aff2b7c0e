package cloze.train;

import cloze.checkpoint.CheckpointFolder;
import cloze.io.DurableFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The folder of one run, locked against a second trainer while it is open:
 *
 * <pre>
 * config.json  tokenizer.json          the description of the run, written by its starter
 * model.safetensors                    the weights of the newest checkpoint
 * best.safetensors                     those of the best evaluation, with early stopping
 * checkpoint-000012-step-4000/         weights and the state to resume from; the newest two
 * metrics.jsonl                        what happened, one JSON object a line
 * events.out.tfevents.*                the same for TensorBoard
 * </pre>
 */
public final class RunFolder implements AutoCloseable {
    private static final int LONGEST_OWNER = 200;
    private static final String LOCK = ".lock";

    private static final Pattern WRITTEN = Pattern.compile("\\.?("
            + "lock|config\\.json|tokenizer\\.json|(model|best)\\.safetensors|metrics\\.jsonl|(loss|few-labels)\\.png"
            + "|few-labels\\.json|results\\.jsonl|events\\.out\\.tfevents\\..*|reconstruction-\\d+\\.png|checkpoint-.*"
            + ")(\\.tmp)?");

    private final Path path;
    private final CheckpointFolder checkpoints;
    private final FileChannel channel;
    private final Made made;
    private boolean begun;
    private boolean abandoned;

    /**
     * What a new run finds, so that a start that fails removes what it made and nothing else.
     *
     * @param before names of the files that were there
     * @param folders that were made for the run, the innermost first
     * @param fresh false for a run that is resumed
     */
    private record Made(Set<String> before, List<Path> folders, boolean fresh) {
        static final Made NOTHING = new Made(Set.of(), List.of(), false);
    }

    private RunFolder(Path path, FileChannel channel, Made made) {
        this.path = path;
        this.channel = channel;
        this.made = made;
        checkpoints = new CheckpointFolder(path);
    }

    /**
     * A folder for a new run.
     *
     * @throws RunException if it holds a run already, or another process trains in it
     */
    public static RunFolder create(Path path) throws IOException {
        List<Path> folders = new ArrayList<>();
        for (Path each = path.toAbsolutePath(); each != null && !Files.exists(each); each = each.getParent()) {
            folders.add(each);
        }
        Files.createDirectories(path);
        RunFolder folder = lock(path, new Made(names(path), List.copyOf(folders), true));
        Path found = folder.runFile();
        if (found != null) {
            folder.close();
            throw new RunException(String.format(
                    Locale.ROOT,
                    "%s already holds a run (%s): resume it with --resume, or choose another folder with --run",
                    path,
                    found.getFileName()));
        }
        return folder;
    }

    /**
     * The folder of a run that goes on.
     *
     * @throws RunException if it holds none, or another process trains in it
     */
    public static RunFolder resume(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            throw new RunException(String.format(Locale.ROOT, "%s does not exist: there is no run to resume", path));
        }
        RunFolder folder = lock(path, Made.NOTHING);
        if (folder.runFile() == null) {
            folder.close();
            throw new RunException(
                    String.format(Locale.ROOT, "%s holds no run to resume: start one without --resume", path));
        }
        return folder;
    }

    private static Set<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).collect(Collectors.toUnmodifiableSet());
        }
    }

    /** True for the names of files that a run writes, finished or not. */
    private static boolean written(String name) {
        return WRITTEN.matcher(name).matches();
    }

    /** A folder made by others must not lead what is written elsewhere. */
    private static void refuseLinks(Path path) throws IOException {
        for (String name : names(path)) {
            if (written(name)) {
                DurableFiles.refuseLink(path.resolve(name));
            }
        }
    }

    private static RunFolder lock(Path path, Made made) throws IOException {
        refuseLinks(path);
        Path file = path.resolve(LOCK);
        FileChannel channel = FileChannel.open(
                file,
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS);
        FileLock lock = tryLock(channel);
        if (lock == null) {
            String owner = owner(channel);
            channel.close();
            throw new RunException(String.format(Locale.ROOT, "%s is in use: %s trains in it", path, owner));
        }
        byte[] owner = String.format(
                        Locale.ROOT, "process %d", ProcessHandle.current().pid())
                .getBytes(StandardCharsets.UTF_8);
        channel.truncate(0);
        channel.write(ByteBuffer.wrap(owner), 0);
        return new RunFolder(path, channel, made);
    }

    private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null; // this process holds it
        }
    }

    private static String owner(FileChannel channel) throws IOException {
        ByteBuffer text = ByteBuffer.allocate(LONGEST_OWNER);
        int length = channel.read(text, 0);
        return length <= 0 ? "another process" : new String(text.array(), 0, length, StandardCharsets.UTF_8);
    }

    /** A file that only a run has, or null. */
    private @Nullable Path runFile() throws IOException {
        for (Path file : new Path[] {config(), model(), metrics()}) {
            if (Files.exists(file)) {
                return file;
            }
        }
        try (Stream<Path> files = Files.list(path)) {
            return files.filter(file -> file.getFileName().toString().startsWith("checkpoint-"))
                    .findFirst()
                    .orElse(null);
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    public Path path() {
        return path;
    }

    public Path config() {
        return path.resolve("config.json");
    }

    public Path tokenizer() {
        return path.resolve("tokenizer.json");
    }

    /** The weights of the newest checkpoint. */
    public Path model() {
        return path.resolve("model.safetensors");
    }

    /** The weights of the best evaluation. */
    public Path best() {
        return path.resolve("best.safetensors");
    }

    public Path metrics() {
        return path.resolve("metrics.jsonl");
    }

    public CheckpointFolder checkpoints() {
        return checkpoints;
    }

    /**
     * Checks that the folder is still there.
     *
     * @throws RunException if it was removed or moved while the run trains in it
     */
    public void requirePresent() throws RunException {
        if (!Files.exists(path.resolve(LOCK), LinkOption.NOFOLLOW_LINKS)) {
            throw new RunException(String.format(
                    Locale.ROOT, "%s was removed or moved while a run trains in it: nothing more can be saved", path));
        }
    }

    /** Notes that training has begun: from now on the folder holds a run. */
    public void begin() {
        begun = true;
    }

    /**
     * Notes that the start of a new run failed. Closing the folder then removes what the start made, and nothing else.
     * Without effect if the run has begun, or is a resumed one.
     */
    public void abandon() {
        abandoned = true;
    }

    @Override
    public void close() throws IOException {
        boolean remove = abandoned && made.fresh && !begun && Files.isDirectory(path);
        if (remove) {
            for (String name : names(path)) {
                if (written(name) && !name.equals(LOCK) && !made.before.contains(name)) {
                    DurableFiles.deleteFolder(path.resolve(name));
                }
            }
        }
        channel.close(); // gives the lock back
        if (remove) {
            if (!made.before.contains(LOCK)) {
                Files.deleteIfExists(path.resolve(LOCK));
            }
            for (Path folder : made.folders) {
                try {
                    Files.deleteIfExists(folder);
                } catch (DirectoryNotEmptyException e) {
                    return; // others have put something there
                }
            }
        }
    }
}
