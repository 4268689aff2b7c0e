package cloze.train;

import cloze.checkpoint.CheckpointFolder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
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

    private final Path path;
    private final CheckpointFolder checkpoints;
    private final FileChannel channel;

    private RunFolder(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
        checkpoints = new CheckpointFolder(path);
    }

    /**
     * A folder for a new run.
     *
     * @throws RunException if it holds a run already, or another process trains in it
     */
    public static RunFolder create(Path path) throws IOException {
        Files.createDirectories(path);
        RunFolder folder = lock(path);
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
        RunFolder folder = lock(path);
        if (folder.runFile() == null) {
            folder.close();
            throw new RunException(
                    String.format(Locale.ROOT, "%s holds no run to resume: start one without --resume", path));
        }
        return folder;
    }

    private static RunFolder lock(Path path) throws IOException {
        Path file = path.resolve(".lock");
        FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
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
        return new RunFolder(path, channel);
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

    @Override
    public void close() throws IOException {
        channel.close(); // gives the lock back
    }
}
