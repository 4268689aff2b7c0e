package cloze.text;

import cloze.io.DataException;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * Reads a stream as one document in chunks of 256 KiB of UTF-8. What begins as a gzip is decompressed, what has a
 * byte-order mark is decoded by it, and what holds no text is refused.
 */
final class PlainText implements TextReader {
    private static final int CHUNK = 1 << 18;

    /** A text shrinks to a tenth or so, and seldom to a hundredth; deflate can make it a thousandth. */
    private static final int MOST_RATIO = 200;

    /** Text that may be any times as long as its gzip. */
    private static final long FREE = 16 << 20;

    private final String name;
    private final Counting raw;
    private final InputStream text;
    private final boolean gzip;
    private long offset;
    private boolean ended;

    private PlainText(String name, InputStream stream, boolean named, long from) throws IOException {
        this.name = name;
        raw = new Counting(stream);
        boolean packed = named;
        try {
            PushbackInputStream bytes = new PushbackInputStream(raw, TextEncoding.HEAD);
            packed = named || TextEncoding.isGzip(peek(bytes, 2));
            text = decode(packed ? new GZIPInputStream(bytes, 1 << 16) : bytes);
            text.skipNBytes(from);
        } catch (EOFException | ZipException e) {
            stream.close();
            throw broken(e);
        } catch (IOException e) {
            stream.close();
            throw e;
        }
        gzip = packed;
        offset = from;
    }

    private PlainText(String name, InputStream utf8, long from) throws IOException {
        this.name = name;
        raw = new Counting(utf8);
        text = raw;
        gzip = false;
        text.skipNBytes(from);
        offset = from;
    }

    private static byte[] peek(PushbackInputStream stream, int count) throws IOException {
        byte[] head = stream.readNBytes(count);
        stream.unread(head);
        return head;
    }

    private InputStream decode(InputStream bytes) throws IOException {
        PushbackInputStream stream = new PushbackInputStream(bytes, TextEncoding.HEAD);
        TextEncoding encoding = TextEncoding.of(peek(stream, TextEncoding.HEAD));
        if (encoding.refusal != null) {
            throw new DataException(String.format(Locale.ROOT, "%s: expected text, found %s", name, encoding.refusal));
        }
        stream.skipNBytes(encoding.mark);
        return encoding.charset.equals(StandardCharsets.UTF_8) ? stream : new Transcoding(stream, encoding.charset);
    }

    static PlainText open(Path file, long from) throws IOException {
        if (Files.isDirectory(file)) {
            throw new DataException(file + ": expected a text file, found a folder");
        }
        boolean gzip = file.toString().endsWith(".gz");
        return new PlainText(file.toString(), Files.newInputStream(file), gzip, from);
    }

    /** Reads UTF-8 as it is, with a mark or a NUL that it may hold. */
    static PlainText decoded(String name, InputStream utf8, long from) throws IOException {
        return new PlainText(name, utf8, from);
    }

    static PlainText of(String name, InputStream stream, long from) throws IOException {
        return new PlainText(name, stream, false, from);
    }

    /** Why a file holds no text; null if it does. */
    static @Nullable String refusal(Path file) throws IOException {
        try (InputStream stream = Files.newInputStream(file)) {
            byte[] head = stream.readNBytes(TextEncoding.HEAD);
            if (TextEncoding.isGzip(head)) {
                head = unpackedHead(head);
            }
            return TextEncoding.of(head).refusal;
        }
    }

    /** As much text as the head of a gzip gives; a broken one is refused where it is read. */
    private static byte[] unpackedHead(byte[] packed) throws IOException {
        byte[] head = new byte[TextEncoding.HEAD];
        int length = 0;
        try (InputStream text = new GZIPInputStream(new ByteArrayInputStream(packed))) {
            for (int n = 0; n >= 0 && length < head.length; length += Math.max(0, n)) {
                n = text.read(head, length, head.length - length);
            }
        } catch (EOFException | ZipException e) {
            return Arrays.copyOf(head, length);
        }
        return Arrays.copyOf(head, length);
    }

    private DataException broken(IOException cause) {
        String found = cause instanceof EOFException ? "the end of the file" : String.valueOf(cause.getMessage());
        return new DataException(name + ", byte " + offset + " of the text: expected more text, found " + found, cause);
    }

    @Override
    public @Nullable TextChunk next() throws IOException {
        if (ended) {
            return null;
        }
        byte[] bytes;
        try {
            bytes = text.readNBytes(CHUNK);
        } catch (EOFException | ZipException e) {
            throw broken(e);
        }
        ended = bytes.length < CHUNK;
        long start = offset;
        offset += bytes.length;
        if (gzip && offset - FREE > MOST_RATIO * raw.count) {
            throw new DataException(String.format(
                    Locale.ROOT,
                    "%s: expected a gzip of text, at most %d times as long after the first %d MiB, found %,d bytes of text in %,d of gzip",
                    name,
                    MOST_RATIO,
                    FREE >> 20,
                    offset,
                    raw.count));
        }
        return new TextChunk(bytes, start, ended ? TextChunk.END_OF_FILE : offset, ended);
    }

    @Override
    public long consumed() {
        return raw.count;
    }

    @Override
    public void close() throws IOException {
        text.close();
    }

    private static final class Counting extends InputStream {
        private final InputStream from;
        private long count;

        Counting(InputStream from) {
            this.from = from;
        }

        @Override
        public int read() throws IOException {
            int b = from.read();
            count += b < 0 ? 0 : 1;
            return b;
        }

        @Override
        public int read(byte[] bytes, int start, int length) throws IOException {
            int n = from.read(bytes, start, length);
            count += Math.max(0, n);
            return n;
        }

        @Override
        public long skip(long n) throws IOException {
            long skipped = from.skip(n);
            count += skipped;
            return skipped;
        }

        @Override
        public int available() throws IOException {
            return from.available();
        }

        @Override
        public void close() throws IOException {
            from.close();
        }
    }
}
