package cloze.text;

import cloze.io.DataException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/** Reads a stream of bytes as one document in chunks of 256 KiB; decompresses it if the name ends in .gz. */
final class PlainText implements TextReader {
    private static final int CHUNK = 1 << 18;

    private final String name;
    private final Counting raw;
    private final InputStream text;
    private long offset;
    private boolean ended;

    private PlainText(String name, InputStream stream, boolean gzip, long from) throws IOException {
        this.name = name;
        raw = new Counting(stream);
        try {
            text = gzip ? new GZIPInputStream(raw, 1 << 16) : raw;
            text.skipNBytes(from);
        } catch (EOFException | ZipException e) {
            stream.close();
            throw broken(e);
        }
        offset = from;
    }

    static PlainText open(Path file, long from) throws IOException {
        boolean gzip = file.toString().endsWith(".gz");
        return new PlainText(file.toString(), Files.newInputStream(file), gzip, from);
    }

    static PlainText of(String name, InputStream stream, long from) throws IOException {
        return new PlainText(name, stream, false, from);
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
