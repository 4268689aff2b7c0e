package cloze.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Converts the floating-point types of a file to f32. Copies through small arrays, since their loops are vectorised for
 * any alignment of the file's data.
 */
public final class FloatConversion {
    private static final int BLOCK = 8192;
    private static final ValueLayout.OfShort SHORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment from;
    private final StoredType type;
    private final short[] shorts;
    private final double[] doubles;

    /** @param from elements of {@code type}, which must convert to float */
    public FloatConversion(MemorySegment from, StoredType type) {
        this.from = from;
        this.type = type;
        this.shorts = new short[type == StoredType.F16 || type == StoredType.BF16 ? BLOCK : 0];
        this.doubles = new double[type == StoredType.F64 ? BLOCK : 0];
    }

    /** Converts all elements to a segment of equally many f32. */
    void copyTo(MemorySegment floats) {
        if (type == StoredType.F32) {
            floats.copyFrom(from);
            return;
        }
        long size = from.byteSize() / type.bytes();
        float[] block = new float[(int) Math.min(size, BLOCK)];
        for (long first = 0; first < size; first += BLOCK) {
            int count = (int) Math.min(BLOCK, size - first);
            read(first, block, 0, count);
            MemorySegment.copy(block, 0, floats, JAVA_FLOAT_UNALIGNED, first * Float.BYTES, count);
        }
    }

    /** Converts a matrix [rows, columns] to its transpose [columns, rows]. */
    public void copyTransposedTo(MemorySegment floats, int rows, int columns) {
        int strip = Math.min(16, rows); // a cache line of the destination
        float[] lines = new float[Math.multiplyExact(strip, columns)];
        float[] line = new float[strip];
        for (int row = 0; row < rows; row += strip) {
            int height = Math.min(strip, rows - row);
            read((long) row * columns, lines, 0, height * columns);
            for (int column = 0; column < columns; column++) {
                for (int i = 0; i < height; i++) {
                    line[i] = lines[i * columns + column];
                }
                long to = ((long) column * rows + row) * Float.BYTES;
                MemorySegment.copy(line, 0, floats, JAVA_FLOAT_UNALIGNED, to, height);
            }
        }
    }

    private void read(long first, float[] into, int at, int count) {
        if (type == StoredType.F32) {
            MemorySegment.copy(from, FLOAT, first * Float.BYTES, into, at, count);
            return;
        }
        for (int done = 0; done < count; done += BLOCK) {
            int part = Math.min(BLOCK, count - done);
            switch (type) {
                case F16 -> halves(first + done, into, at + done, part);
                case BF16 -> brainHalves(first + done, into, at + done, part);
                case F64 -> doubles(first + done, into, at + done, part);
                default -> throw new IllegalArgumentException(type + " does not convert to f32");
            }
        }
    }

    private void halves(long first, float[] into, int at, int count) {
        MemorySegment.copy(from, SHORT, first * Short.BYTES, shorts, 0, count);
        for (int i = 0; i < count; i++) {
            into[at + i] = Float.float16ToFloat(shorts[i]);
        }
    }

    private void brainHalves(long first, float[] into, int at, int count) {
        MemorySegment.copy(from, SHORT, first * Short.BYTES, shorts, 0, count);
        for (int i = 0; i < count; i++) {
            into[at + i] = Float.intBitsToFloat(shorts[i] << 16);
        }
    }

    private void doubles(long first, float[] into, int at, int count) {
        MemorySegment.copy(from, DOUBLE, first * Double.BYTES, doubles, 0, count);
        for (int i = 0; i < count; i++) {
            into[at + i] = (float) doubles[i];
        }
    }
}
