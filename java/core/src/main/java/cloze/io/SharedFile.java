package cloze.io;

import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * A file that many threads read, each where it likes. An interrupt of one of them leaves it open, whereas a
 * {@link java.nio.channels.FileChannel} is closed for all by an interrupt of any.
 */
public final class SharedFile implements AutoCloseable {
    private final Path path;
    private final RandomAccessFile file;
    private final long size;

    private SharedFile(Path path, RandomAccessFile file) throws IOException {
        this.path = path;
        this.file = file;
        size = file.length();
    }

    public static SharedFile open(Path path) throws IOException {
        if (!Files.isRegularFile(path)) {
            if (Files.exists(path)) {
                throw new DataException(path, "path", "a file", "a folder or a device");
            }
            throw new NoSuchFileException(path.toString());
        }
        var file = new RandomAccessFile(path.toFile(), "r");
        try {
            return new SharedFile(path, file);
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    public Path path() {
        return path;
    }

    /** Size when it was opened, in bytes. */
    public long size() {
        return size;
    }

    /**
     * Reads {@code count} bytes from a position on.
     *
     * @throws DataException if the file ends before
     */
    public byte[] read(long from, int count) throws IOException {
        if (from < 0 || count < 0 || from > size - count) {
            throw new DataException(path, "byte " + from, count + " bytes", "the end of the file");
        }
        byte[] bytes = new byte[count];
        try {
            synchronized (this) {
                file.seek(from);
                file.readFully(bytes);
            }
        } catch (EOFException e) {
            throw new DataException(path + ": the file has become shorter while it was read", e);
        }
        return bytes;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
