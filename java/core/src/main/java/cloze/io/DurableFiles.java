package cloze.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Writes and renames files so that each exists complete or not at all, even if the process or the machine stops. */
public final class DurableFiles {
    /** Suffix of files and folders that are still being written. */
    public static final String UNFINISHED = ".tmp";

    /** Writes the content of a file. */
    public interface Body {
        void writeTo(FileChannel channel) throws IOException;
    }

    private DurableFiles() {}

    /** Writes a file that must not exist yet, and syncs it. Its name is durable only after {@link #syncFolder}. */
    public static void create(Path file, Body body) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            body.writeTo(channel);
            channel.force(true);
        }
    }

    /** Writes a file, or replaces it: readers see the old content or the new one. One writer at a time. */
    public static void replace(Path file, Body body) throws IOException {
        Path unfinished = file.resolveSibling("." + file.getFileName() + UNFINISHED);
        Files.deleteIfExists(unfinished);
        try {
            create(unfinished, body);
            rename(unfinished, file);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    /** Like {@link #replace(Path, Body)} for content in memory. */
    public static void replace(Path file, byte[] content) throws IOException {
        replace(file, channel -> {
            for (ByteBuffer bytes = ByteBuffer.wrap(content); bytes.hasRemaining(); ) {
                channel.write(bytes);
            }
        });
    }

    /** Makes {@code file} a hard link to {@code source}, or a copy if the file system has no hard links. */
    public static void replaceByLink(Path file, Path source) throws IOException {
        if (Files.exists(file) && Files.isSameFile(file, source)) {
            return; // rename does nothing between two links to one file, so the unfinished name would stay
        }
        Path unfinished = file.resolveSibling("." + file.getFileName() + UNFINISHED);
        Files.deleteIfExists(unfinished);
        try {
            Files.createLink(unfinished, source);
        } catch (FileSystemException | UnsupportedOperationException e) {
            replace(file, channel -> copy(source, channel));
            return;
        }
        rename(unfinished, file);
    }

    private static void copy(Path source, FileChannel to) throws IOException {
        try (FileChannel from = FileChannel.open(source, StandardOpenOption.READ)) {
            long size = from.size();
            for (long done = 0; done < size; ) {
                done += from.transferTo(done, size - done, to);
            }
        }
    }

    /** Renames a file, replacing an existing one, or a folder to a free name; then syncs the parent folder. */
    public static void rename(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        syncFolder(to);
    }

    /**
     * Refuses a symbolic link in the place of a file or folder that is to be written.
     *
     * @throws DataException if there is one; names it and its target
     */
    public static void refuseLink(Path file) throws IOException {
        if (Files.isSymbolicLink(file)) {
            throw new DataException(String.format(
                    Locale.ROOT,
                    "%s is a symbolic link to %s, and is not written through: remove it, or copy what it leads to",
                    file,
                    Files.readSymbolicLink(file)));
        }
    }

    /** Syncs the folder of {@code file}, so that new names in it survive a power cut. */
    public static void syncFolder(Path file) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder == null || folder.getFileSystem().getSeparator().equals("\\")) {
            return; // Windows cannot sync a folder
        }
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** Deletes a folder and its content if it exists. */
    public static void deleteFolder(Path folder) throws IOException {
        if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        List<Path> deepestFirst;
        try (Stream<Path> tree = Files.walk(folder)) {
            deepestFirst = tree.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : deepestFirst) {
            Files.delete(path);
        }
    }
}
