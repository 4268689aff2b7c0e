package cloze.io;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Names a file by its first bytes, for messages about a file that is not what was expected. */
public final class FileKind {
    private static final int FIRST = 512;
    private static final int TAR = 257; // where a tar has its magic

    /** @param at offset of the bytes */
    private record Magic(int at, String bytes, String name) {
        boolean matches(String start) {
            return start.startsWith(bytes, at);
        }
    }

    /** Bytes as ISO-8859-1, the longest of a common beginning first. */
    private static final List<Magic> KNOWN = List.of(
            new Magic(
                    0, "version https://git-lfs", "a Git LFS pointer, not the file itself: fetch it with git lfs pull"),
            new Magic(0, "PK\u0003\u0004", "a ZIP archive, as PyTorch's .pt, .pth and .bin are"),
            new Magic(0, "PK\u0005\u0006", "an empty ZIP archive"),
            new Magic(0, "\u0080\u0002", "a Python pickle, as old .pt, .pth and .bin of PyTorch are"),
            new Magic(0, "\u0080\u0003", "a Python pickle"),
            new Magic(0, "\u0080\u0004\u0095", "a Python pickle"),
            new Magic(0, "\u0080\u0005\u0095", "a Python pickle"),
            new Magic(0, "\u001f\u008b", "compressed by gzip: unpack it first"),
            new Magic(0, "(\u00b5/\u00fd", "compressed by zstd: unpack it first"),
            new Magic(0, "\u00fd7zXZ", "compressed by xz: unpack it first"),
            new Magic(0, "BZh", "compressed by bzip2: unpack it first"),
            new Magic(0, "\u0089PNG\r\n", "a PNG image"),
            new Magic(0, "\u00ff\u00d8\u00ff", "a JPEG image"),
            new Magic(0, "GIF8", "a GIF image"),
            new Magic(0, "%PDF-", "a PDF document"),
            new Magic(0, "PAR1", "a Parquet file"),
            new Magic(0, "ARROW1", "an Arrow file"),
            new Magic(0, "GGUF", "a GGUF file"),
            new Magic(0, "\u0089HDF\r\n", "an HDF5 file"),
            new Magic(0, "\u0093NUMPY", "a NumPy array"),
            new Magic(0, "\u007fELF", "a program"),
            new Magic(TAR, "ustar", "a tar archive"));

    private FileKind() {}

    /** The kind of a file that begins with these bytes; empty if they are none of the known ones. */
    public static Optional<String> of(byte[] first) {
        if (first.length == 0) {
            return Optional.of("an empty file");
        }
        String start = new String(first, 0, Math.min(first.length, FIRST), StandardCharsets.ISO_8859_1);
        Optional<String> known = KNOWN.stream()
                .filter(magic -> magic.matches(start))
                .map(Magic::name)
                .findFirst();
        if (known.isPresent()) {
            return known;
        }
        String text = start.stripLeading().toLowerCase(Locale.ROOT);
        if (text.startsWith("<!doctype html") || text.startsWith("<html")) {
            return Optional.of("an HTML page, as a download that failed leaves");
        }
        if (text.startsWith("<?xml")) {
            return Optional.of("an XML document");
        }
        return start.startsWith("{\"") || start.startsWith("{\n") ? Optional.of("a JSON text") : Optional.empty();
    }

    /** What lies at a path: missing, a folder, or the kind of its file; empty if that is unknown. */
    public static Optional<String> of(Path path) throws IOException {
        if (!Files.exists(path)) {
            return Optional.of(Files.isSymbolicLink(path) ? "a link to a file that is missing" : "missing");
        }
        if (Files.isDirectory(path)) {
            return Optional.of("a folder");
        }
        if (!Files.isRegularFile(path)) {
            return Optional.of("no regular file"); // reading a named pipe would wait for a writer
        }
        try (InputStream in = Files.newInputStream(path)) {
            return of(in.readNBytes(FIRST));
        }
    }
}
