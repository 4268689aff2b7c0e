package cloze.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Files that are there whole or not at all, whenever the process or the machine stops. */
public final class DurableFiles {
    /** Ends the names of what is not finished. */
    public static final String UNFINISHED = ".tmp";

    public interface Body {
        void writeTo(FileChannel channel) throws IOException;
    }

    private DurableFiles() {}

    /** A file that did not exist, on the disk when this returns; its name is durable once the folder is synced. */
    public static void create(Path file, Body body) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            body.writeTo(channel);
            channel.force(true);
        }
    }

    /** A file in the place of one that may exist: readers find the old one or the new one. */
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

    /** A second name of {@code source} in the place of one that may exist; a copy where the disk has no hard links. */
    public static void replaceByLink(Path file, Path source) throws IOException {
        if (Files.exists(file) && Files.isSameFile(file, source)) {
            return; // renaming a link over another to the same file would do nothing and leave both
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

    /** Renames a file, or a folder to a name that is free, and makes that durable. */
    public static void rename(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        syncFolder(to);
    }

    /** Makes the names in the folder of {@code file} durable. */
    public static void syncFolder(Path file) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder == null || folder.getFileSystem().getSeparator().equals("\\")) {
            return; // Windows has no handle to sync a folder by
        }
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** Deletes a folder with what is in it, if it exists. */
    public static void deleteFolder(Path folder) throws IOException {
        if (!Files.exists(folder)) {
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
