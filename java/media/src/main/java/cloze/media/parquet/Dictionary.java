package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;

/** Values that a chunk of a column refers to by index. */
final class Dictionary {
    static final Dictionary NONE = new Dictionary(new byte[0], new int[1], new long[0]);

    private final byte[] bytes;
    private final int[] starts; // of values of bytes, each four bytes after the end of the one before
    private final long[] numbers;

    private Dictionary(byte[] bytes, int[] starts, long[] numbers) {
        this.bytes = bytes;
        this.starts = starts;
        this.numbers = numbers;
    }

    static Dictionary read(Cursor in, ParquetColumn column, int count) throws IOException {
        int least = column.type() == ParquetColumn.Type.INT64 ? Long.BYTES : Integer.BYTES;
        if ((long) least * count > in.remaining()) {
            throw new DataException(String.format(
                    Locale.ROOT,
                    "expected a dictionary of %d values at most, found %d",
                    in.remaining() / least,
                    count));
        }
        if (column.type() != ParquetColumn.Type.BYTES) {
            long[] numbers = new long[count];
            for (int i = 0; i < count; i++) {
                numbers[i] = column.type() == ParquetColumn.Type.INT64 ? in.little(Long.BYTES) : in.i32();
            }
            return new Dictionary(new byte[0], new int[1], numbers);
        }
        int[] starts = new int[count + 1];
        for (int i = 0; i < count; i++) {
            int size = in.i32();
            starts[i] = in.take(size);
        }
        starts[count] = in.position() + Integer.BYTES;
        return new Dictionary(in.bytes(), starts, new long[0]);
    }

    int count() {
        return Math.max(numbers.length, starts.length - 1);
    }

    int size(int index) {
        return numbers.length > 0 ? Long.BYTES : starts[index + 1] - Integer.BYTES - starts[index];
    }

    byte[] bytes(int index) {
        return Arrays.copyOfRange(bytes, starts[index], starts[index] + size(index));
    }

    long whole(int index) {
        return numbers[index];
    }
}
