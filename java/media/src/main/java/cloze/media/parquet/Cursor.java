package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.Locale;

/** A position in bytes of a file. Every read is checked against the end. */
final class Cursor {
    private static final int LONGEST_VARINT = 70; // bits of ten groups of seven

    private final byte[] bytes;
    private final int end;
    private int at;

    Cursor(byte[] bytes, int from, int end) {
        this.bytes = bytes;
        this.end = end;
        at = from;
    }

    Cursor(byte[] bytes) {
        this(bytes, 0, bytes.length);
    }

    int position() {
        return at;
    }

    int remaining() {
        return end - at;
    }

    byte[] bytes() {
        return bytes;
    }

    /** Moves over {@code count} bytes and returns the position of the first. */
    int take(long count) throws IOException {
        if (count < 0 || count > remaining()) {
            throw new EndException(
                    String.format(Locale.ROOT, "%d more bytes", count), String.format(Locale.ROOT, "%d", remaining()));
        }
        int from = at;
        at += (int) count;
        return from;
    }

    /** Moves over {@code count} bytes and returns a cursor over them. */
    Cursor part(long count) throws IOException {
        int from = take(count);
        return new Cursor(bytes, from, at);
    }

    int u8() throws IOException {
        return bytes[take(1)] & 0xFF;
    }

    /** An unsigned number of {@code size} bytes, least significant first. */
    long little(int size) throws IOException {
        int from = take(size);
        long value = 0;
        for (int i = size - 1; i >= 0; i--) {
            value = (value << 8) | (bytes[from + i] & 0xFF);
        }
        return value;
    }

    int i32() throws IOException {
        return (int) little(Integer.BYTES);
    }

    /** Seven bits a byte, least significant first. */
    long varint() throws IOException {
        long value = 0;
        for (int shift = 0; shift < LONGEST_VARINT; shift += 7) {
            int next = u8();
            value |= (long) (next & 0x7F) << shift;
            if (next < 0x80) {
                return value;
            }
        }
        throw new DataException("expected a number of ten bytes at most, found a longer one");
    }

    /** Signed: 0, -1, 1, -2, ... */
    long zigzag() throws IOException {
        long value = varint();
        return (value >>> 1) ^ -(value & 1);
    }

    /** {@code width} bits, from 0 to 64, at a bit offset from the position {@code from}. */
    long bits(int from, long offset, int width) {
        long value = 0;
        for (int done = 0; done < width; ) {
            long bit = offset + done;
            int in = (int) (bit & 7);
            int count = Math.min(8 - in, width - done);
            long part = ((bytes[from + (int) (bit >>> 3)] & 0xFFL) >>> in) & ((1L << count) - 1);
            value |= part << done;
            done += count;
        }
        return value;
    }

    /** Bytes that end too early. */
    static final class EndException extends DataException {
        @java.io.Serial
        private static final long serialVersionUID = 1;

        EndException(String expected, String found) {
            super(String.format(Locale.ROOT, "expected %s, found %s", expected, found));
        }
    }
}
