package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;

/** The values of a page that are not null, one after the other. */
interface PageValues {
    /** Moves to the next value, whose bytes or number may then be asked for. */
    void next() throws IOException;

    /** Number of bytes of the value. */
    int size() throws IOException;

    byte[] bytes() throws IOException;

    long whole() throws IOException;

    /** @param encoding the number that Parquet gives to the encoding of a page */
    static PageValues of(int encoding, Cursor in, ParquetColumn column, Dictionary dictionary, Limit limit)
            throws IOException {
        boolean bytes = column.type() == ParquetColumn.Type.BYTES;
        return switch (encoding) {
            case 0 -> bytes ? new PlainBytes(in) : new PlainNumbers(in, column.type());
            case 2, 8 -> new Indexed(in, dictionary);
            case 5 -> new DeltaPacked(in, bytes);
            case 6 -> new DeltaBytes(in, false, limit);
            case 7 -> new DeltaBytes(in, true, limit);
            default ->
                throw new DataException(
                        "expected values that are plain, of a dictionary or of differences, found encoding "
                                + encoding);
        };
    }

    private static DataException kind(String expected) {
        return new DataException(
                String.format(Locale.ROOT, "expected values of %s in this page, found others", expected));
    }

    /** Each value after its size. */
    final class PlainBytes implements PageValues {
        private final Cursor in;
        private int from;
        private int size;

        PlainBytes(Cursor in) {
            this.in = in;
        }

        @Override
        public void next() throws IOException {
            size = in.i32();
            from = in.take(size);
        }

        @Override
        public int size() {
            return size;
        }

        @Override
        public byte[] bytes() {
            return Arrays.copyOfRange(in.bytes(), from, from + size);
        }

        @Override
        public long whole() throws IOException {
            throw kind("whole numbers");
        }
    }

    /** Four or eight bytes each. */
    final class PlainNumbers implements PageValues {
        private final Cursor in;
        private final ParquetColumn.Type type;
        private long value;

        PlainNumbers(Cursor in, ParquetColumn.Type type) {
            this.in = in;
            this.type = type;
        }

        @Override
        public void next() throws IOException {
            value = type == ParquetColumn.Type.INT64 ? in.little(Long.BYTES) : in.i32();
        }

        @Override
        public int size() {
            return Long.BYTES;
        }

        @Override
        public byte[] bytes() throws IOException {
            throw kind("bytes");
        }

        @Override
        public long whole() {
            return value;
        }
    }

    /** Indices of a dictionary. */
    final class Indexed implements PageValues {
        private final HybridRuns indices;
        private final Dictionary dictionary;
        private int index;

        Indexed(Cursor in, Dictionary dictionary) throws IOException {
            indices = new HybridRuns(in, in.remaining() == 0 ? 0 : in.u8());
            this.dictionary = dictionary;
        }

        @Override
        public void next() throws IOException {
            index = indices.next();
            if (index < 0 || index >= dictionary.count()) {
                throw new DataException(String.format(
                        Locale.ROOT,
                        "expected an index of a dictionary of %d values, found %d",
                        dictionary.count(),
                        Integer.toUnsignedLong(index)));
            }
        }

        @Override
        public int size() {
            return dictionary.size(index);
        }

        @Override
        public byte[] bytes() {
            return dictionary.bytes(index);
        }

        @Override
        public long whole() {
            return dictionary.whole(index);
        }
    }

    /** Whole numbers by their differences. */
    final class DeltaPacked implements PageValues {
        private final DeltaNumbers numbers;
        private long value;

        DeltaPacked(Cursor in, boolean bytes) throws IOException {
            if (bytes) {
                throw kind("bytes");
            }
            numbers = new DeltaNumbers(in);
        }

        @Override
        public void next() throws IOException {
            value = numbers.next();
        }

        @Override
        public int size() {
            return Long.BYTES;
        }

        @Override
        public byte[] bytes() throws IOException {
            throw kind("bytes");
        }

        @Override
        public long whole() {
            return value;
        }
    }

    /** All sizes first, then all bytes; perhaps without what a value has in common with the one before it. */
    final class DeltaBytes implements PageValues {
        private final @org.jspecify.annotations.Nullable DeltaNumbers shared;
        private final DeltaNumbers sizes;
        private final Cursor in;
        private final Limit limit;
        private byte[] value = {};

        DeltaBytes(Cursor in, boolean isShared, Limit limit) throws IOException {
            this.in = in;
            this.limit = limit;
            shared = isShared ? ahead(in) : null;
            sizes = ahead(in);
        }

        /** The numbers at the position, which moves to their end. */
        private DeltaNumbers ahead(Cursor in) throws IOException {
            var copy = new Cursor(in.bytes(), in.position(), in.position() + in.remaining());
            var over = new DeltaNumbers(in);
            limit.spend(over.count());
            over.skip();
            return new DeltaNumbers(copy);
        }

        @Override
        public void next() throws IOException {
            long kept = shared == null ? 0 : shared.next();
            long own = sizes.next();
            if (kept < 0 || kept > value.length) {
                throw new DataException(String.format(
                        Locale.ROOT, "expected 0 to %d bytes of the value before, found %d", value.length, kept));
            }
            int from = in.take(own);
            limit.spend(kept + own);
            byte[] next = Arrays.copyOf(value, Math.toIntExact(kept + own));
            System.arraycopy(in.bytes(), from, next, (int) kept, (int) own);
            value = next;
        }

        @Override
        public int size() {
            return value.length;
        }

        @Override
        public byte[] bytes() {
            return value.clone();
        }

        @Override
        public long whole() throws IOException {
            throw kind("whole numbers");
        }
    }
}
