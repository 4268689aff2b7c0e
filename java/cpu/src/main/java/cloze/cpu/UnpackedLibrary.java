package cloze.cpu;

import cloze.backend.BackendException;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Set;

/**
 * Libraries of the jar as files, which the loader of the system needs: in a folder of the cache that is named by the digest
 * of the content, so that versions do not mix, and that nobody else can write. A file with other content, half written or
 * changed, is never loaded but replaced.
 */
final class UnpackedLibrary {
    private static final Set<PosixFilePermission> OWNER = PosixFilePermissions.fromString("rwx------");
    private static final FileAttribute<Set<PosixFilePermission>> OWNERS = PosixFilePermissions.asFileAttribute(OWNER);

    private UnpackedLibrary() {}

    /**
     * The file with this content, which is written if it is not there. Processes may do so at the same time.
     *
     * @throws IOException if it can not be written
     */
    static Path of(String name, byte[] content) throws IOException {
        Path folder = cacheFolder().resolve("native").resolve(digest(content));
        Files.createDirectories(folder.getParent());
        try {
            Files.createDirectory(folder, OWNERS);
        } catch (FileSystemException e) {
            if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
                throw e;
            }
        }
        requireOwn(folder);
        return written(folder.resolve(name), content);
    }

    /** Copies {@code library} into the folder of {@code file}. */
    static void beside(Path file, Path library) throws IOException {
        written(file.resolveSibling(library.getFileName()), Files.readAllBytes(library));
    }

    private static Path written(Path file, byte[] content) throws IOException {
        if (!holds(file, content)) {
            Path partial =
                    Files.createTempFile(file.getParent(), file.getFileName().toString(), ".part", OWNERS);
            try {
                Files.write(partial, content);
                Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(partial);
            }
            if (!holds(file, content)) {
                throw new FileSystemException(file.toString(), null, "does not hold what was written to it");
            }
        }
        return file;
    }

    private static boolean holds(Path file, byte[] content) throws IOException {
        return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
                && Files.size(file) == content.length
                && Arrays.equals(Files.readAllBytes(file), content);
    }

    /** Takes the rights of others to write away. The folder of another user is refused: they could change a file at any time. */
    private static void requireOwn(Path folder) throws IOException {
        PosixFileAttributeView view =
                Files.getFileAttributeView(folder, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
        PosixFileAttributes found = view.readAttributes();
        boolean own = found.owner().equals(Files.getOwner(Path.of("/proc/self")));
        boolean open = found.permissions().contains(PosixFilePermission.GROUP_WRITE)
                || found.permissions().contains(PosixFilePermission.OTHERS_WRITE);
        if (own && open) {
            view.setPermissions(OWNER);
        } else if (open || (!own && !found.owner().getName().equals("root"))) {
            throw new BackendException(String.format(
                    Locale.ROOT,
                    "%s must belong to the user of this process or to root, and only they may write it, since libraries are loaded from it; it belongs to %s with %s: set CLOZE_CACHE to another folder",
                    folder,
                    found.owner(),
                    PosixFilePermissions.toString(found.permissions())));
        }
    }

    private static Path cacheFolder() {
        String cache = System.getenv("CLOZE_CACHE");
        return cache == null ? Path.of(System.getProperty("user.home"), ".cache", "cloze") : Path.of(cache);
    }

    private static String digest(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content), 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK has SHA-256
        }
    }
}
