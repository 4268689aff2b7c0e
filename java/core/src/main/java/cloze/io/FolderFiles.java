package cloze.io;

import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of a folder and of all folders in it, in the order of their names. Symbolic links are followed, except those
 * that lead back to a folder around them. Names that begin with a dot are left out, with all that is in such a folder;
 * macOS writes such files beside others.
 */
public final class FolderFiles extends SimpleFileVisitor<Path> {
    private static final Logger LOG = LoggerFactory.getLogger(FolderFiles.class);
    private static final int MOST_FOLDERS = 1_000_000; // links to links can make as many as one likes of a few

    private final Path top;
    private final List<Path> files = new ArrayList<>();
    private int folders;
    private int dangling;

    private FolderFiles(Path top) {
        this.top = top;
    }

    /** @throws DataException if links make more than a million folders of this one */
    public static List<Path> of(Path folder) throws IOException {
        var visitor = new FolderFiles(folder);
        Files.walkFileTree(folder, EnumSet.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, visitor);
        if (visitor.dangling > 0) {
            LOG.warn("{}: links that lead to nothing are left out: {}", folder, visitor.dangling);
        }
        return visitor.files.stream().sorted().toList();
    }

    /** True if a name begins with a dot, and is not "." or "..". */
    public static boolean isHidden(String name) {
        return name.startsWith(".") && !name.equals(".") && !name.equals("..");
    }

    private boolean isHidden(Path path) {
        return !path.equals(top) && isHidden(Objects.toString(path.getFileName()));
    }

    @Override
    public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
        if (isHidden(folder)) {
            return FileVisitResult.SKIP_SUBTREE;
        }
        if (++folders > MOST_FOLDERS) {
            throw new DataException(
                    top, "folder", MOST_FOLDERS + " folders at most", "more, perhaps by symbolic links");
        }
        return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
        if (attributes.isRegularFile() && !isHidden(file)) {
            files.add(file);
        } else if (attributes.isSymbolicLink() && !isHidden(file)) {
            dangling++; // others have been followed
        }
        return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException why) throws IOException {
        if (why instanceof FileSystemLoopException || isHidden(file)) {
            return FileVisitResult.CONTINUE;
        }
        throw why;
    }
}
