package cloze.text;

import cloze.io.DataException;
import cloze.io.Fingerprint;
import cloze.text.token.Utf8;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A source of text: a file, a folder of files (recursive, sorted by name, without hidden ones), a stream or a string. A
 * plain or gzip file is one document; formats such as Parquet are found by {@link TextFormat}. A byte-order mark says how
 * a plain file is encoded; without one it is UTF-8. A file that holds no text is refused, and left out of a folder with a
 * warning.
 */
public final class TextSource {
    private static final Logger LOG = LoggerFactory.getLogger(TextSource.class);

    private static final int NAMED = 3; // files that a warning names
    private static final int LARGEST = 1 << 30; // bytes that are read at once

    /** A position to resume from: the index of a file, and a position in it. */
    public record Position(int file, long offset) {
        public static final Position START = new Position(0, 0);
    }

    private interface Opener {
        TextReader open(long from) throws IOException;
    }

    /** One file of the source. */
    private record Item(String name, Opener opener) {
        TextReader open(long from) throws IOException {
            return opener.open(from);
        }
    }

    private final String name;
    private final List<Item> items;
    private final long bytes;
    private final @Nullable String fingerprint;

    private TextSource(String name, List<Item> items, long bytes, @Nullable String fingerprint) {
        this.name = name;
        this.items = List.copyOf(items);
        this.bytes = bytes;
        this.fingerprint = fingerprint;
    }

    /** Reads a file or a folder; "-" is the standard input. */
    public static TextSource of(Path path) throws IOException {
        return of(path, null);
    }

    /** Reads a file or a folder; {@code column} is the text column of tables. */
    public static TextSource of(Path path, @Nullable String column) throws IOException {
        if (path.toString().equals("-")) {
            return of("standard input", System.in);
        }
        if (!Files.exists(path)) {
            throw new NoSuchFileException(path.toString(), null, "expected a text file or a folder of them");
        }
        List<Path> files = files(path);
        List<Item> items = new ArrayList<>();
        StringBuilder stamp = new StringBuilder("column=" + column);
        long bytes = 0;
        for (Path file : files) {
            BasicFileAttributes is = Files.readAttributes(file, BasicFileAttributes.class);
            bytes += is.size();
            stamp.append('\n').append(file.toAbsolutePath().normalize());
            stamp.append('\t').append(is.size()).append('\t').append(is.lastModifiedTime());
            items.add(item(file, column));
        }
        return new TextSource(path.toString(), items, bytes, Fingerprint.of(stamp.toString()));
    }

    private static List<Path> files(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            return List.of(path);
        }
        List<Path> files;
        try (Stream<Path> tree = Files.walk(path)) {
            files = tree.filter(file -> Files.isRegularFile(file) && !hidden(path.relativize(file)))
                    .sorted()
                    .toList();
        }
        if (files.isEmpty()) {
            throw new DataException(path, "folder", "files of text", "none");
        }
        return texts(path, files);
    }

    /** The files that hold text. */
    private static List<Path> texts(Path folder, List<Path> files) throws IOException {
        List<Path> texts = new ArrayList<>();
        List<String> others = new ArrayList<>();
        for (Path file : files) {
            String refusal = format(file).isPresent() ? null : PlainText.refusal(file);
            if (refusal == null) {
                texts.add(file);
            } else {
                others.add(String.format(Locale.ROOT, "%s (%s)", folder.relativize(file), refusal));
            }
        }
        String named = String.join(", ", others.subList(0, Math.min(NAMED, others.size())))
                + (others.size() > NAMED ? ", ..." : "");
        if (texts.isEmpty()) {
            throw new DataException(folder, "folder", "files of text", "none: " + named);
        }
        if (!others.isEmpty()) {
            LOG.warn(
                    "{}: {} of {} files hold no text and are left out: {}", folder, others.size(), files.size(), named);
        }
        return texts;
    }

    private static boolean hidden(Path file) {
        for (Path part : file) {
            if (part.toString().startsWith(".")) {
                return true;
            }
        }
        return false;
    }

    private static Optional<TextFormat> format(Path file) {
        return ServiceLoader.load(TextFormat.class).stream()
                .map(ServiceLoader.Provider::get)
                .filter(candidate -> candidate.reads(file))
                .findFirst();
    }

    private static Item item(Path file, @Nullable String column) throws DataException {
        Optional<TextFormat> format = format(file);
        if (format.isEmpty() && file.toString().endsWith(".parquet")) {
            throw new DataException(file, "name", "a format that can be read", "Parquet, which needs cloze-media");
        }
        return new Item(
                file.toString(),
                from -> format.isPresent() ? format.get().open(file, column, from) : PlainText.open(file, from));
    }

    /** Reads a stream once; it has no fingerprint. */
    public static TextSource of(String name, InputStream stream) {
        return new TextSource(name, List.of(stream(name, stream)), -1, null);
    }

    /**
     * Copies a stream into a file, so that it can be read more than once; the caller deletes the file. It has no
     * fingerprint.
     */
    static TextSource copied(String name, InputStream stream, Path file) throws IOException {
        Files.copy(stream, file, StandardCopyOption.REPLACE_EXISTING);
        Item item = new Item(name, from -> PlainText.of(name, Files.newInputStream(file), from));
        return new TextSource(name, List.of(item), Files.size(file), null);
    }

    private static Item stream(String name, InputStream stream) {
        return new Item(name, from -> PlainText.of(name, stream, from));
    }

    /** Reads a string as one document. */
    public static TextSource of(String name, String text) {
        byte[] utf8 = Utf8.bytes(text);
        Item item = new Item(name, from -> PlainText.decoded(name, new ByteArrayInputStream(utf8), from));
        return new TextSource(name, List.of(item), utf8.length, Fingerprint.of(utf8));
    }

    public String name() {
        return name;
    }

    /** Size on disk in bytes, -1 if unknown. */
    public long bytes() {
        return bytes;
    }

    /**
     * A hash that changes with the content: of names, sizes and times of files, or of the bytes of a string. Empty for
     * a stream, which cannot be read again.
     */
    public Optional<String> fingerprint() {
        return Optional.ofNullable(fingerprint);
    }

    int files() {
        return items.size();
    }

    String file(int index) {
        return items.get(index).name();
    }

    TextReader open(Position at) throws IOException {
        return items.get(at.file()).open(at.offset());
    }

    /**
     * Reads the whole text; documents are joined without a separator. Broken UTF-8 becomes U+FFFD, with a warning.
     *
     * @throws DataException if there is more than 1 GiB
     */
    public String readAll() throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int i = 0; i < files(); i++) {
            try (TextReader reader = open(new Position(i, 0))) {
                for (TextChunk chunk = reader.next(); chunk != null; chunk = reader.next()) {
                    if (all.size() + (long) chunk.bytes().length > LARGEST) {
                        throw new DataException(name + ": expected at most 1 GiB of text here, found more");
                    }
                    all.writeBytes(chunk.bytes());
                }
            }
        }
        byte[] utf8 = all.toByteArray();
        if (Utf8.firstBroken(utf8, 0, utf8.length) < 0) {
            return new String(utf8, StandardCharsets.UTF_8);
        }
        Utf8.Repaired whole = Utf8.repair(utf8, 0, utf8.length);
        LOG.warn("{}: {} invalid parts of UTF-8 were replaced by U+FFFD", name, whole.replaced);
        return new String(whole.bytes, StandardCharsets.UTF_8);
    }
}
