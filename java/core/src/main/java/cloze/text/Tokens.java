package cloze.text;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.Objects;
import java.util.zip.CRC32C;

/** A sequence of token ids. Thread-safe. */
public interface Tokens {
    long count();

    int at(long index);

    /**
     * Copies ids.
     *
     * @param destination i32, at least 4 count bytes
     */
    void read(long from, MemorySegment destination, int count);

    /** A view of the ids [from, from + count). */
    default Tokens slice(long from, long count) {
        Objects.checkFromIndexSize(from, count, count());
        return new Slice(this, from, count);
    }

    /** Ids in memory; the array is not copied. */
    static Tokens of(int... ids) {
        return new InMemory(MemorySegment.ofArray(ids));
    }

    /** A part of another sequence. */
    record Slice(Tokens whole, long from, long count) implements Tokens {
        @Override
        public int at(long index) {
            return whole.at(from + Objects.checkIndex(index, count));
        }

        @Override
        public void read(long start, MemorySegment destination, int n) {
            whole.read(from + Objects.checkFromIndexSize(start, (long) n, count), destination, n);
        }
    }

    /** Ids in a segment of i32. */
    record InMemory(MemorySegment ids) implements Tokens {
        @Override
        public long count() {
            return ids.byteSize() / Integer.BYTES;
        }

        @Override
        public int at(long index) {
            return ids.getAtIndex(ValueLayout.JAVA_INT, index);
        }

        @Override
        public void read(long start, MemorySegment destination, int n) {
            MemorySegment.copy(ids, Integer.BYTES * start, destination, 0, (long) Integer.BYTES * n);
        }
    }

    /** CRC-32C of all ids, whatever their width in the file, in hexadecimal digits. */
    static String checksum(Tokens tokens) {
        var crc = new CRC32C();
        int step = 1 << 16;
        var bytes = new byte[step * Integer.BYTES];
        for (long at = 0; at < tokens.count(); at += step) {
            int count = (int) Math.min(step, tokens.count() - at);
            tokens.read(at, MemorySegment.ofArray(bytes), count);
            crc.update(bytes, 0, count * Integer.BYTES);
        }
        return HexFormat.of().toHexDigits((int) crc.getValue());
    }
}
