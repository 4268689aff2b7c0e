package cloze.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FloatConversionTest {
    private static final int ALL = 1 << 16;

    private static short[] everyHalf() {
        short[] halves = new short[ALL];
        for (int i = 0; i < ALL; i++) {
            halves[i] = (short) i;
        }
        return halves;
    }

    private static float[] converted(Object segment, StoredType type, int count) {
        float[] floats = new float[count];
        new FloatConversion((MemorySegment) segment, type).copyTo(MemorySegment.ofArray(floats));
        return floats;
    }

    /** IEEE 754 binary16 by its definition. */
    private static double half(int bits) {
        int exponent = bits >> 10 & 31;
        int fraction = bits & 1023;
        double magnitude = exponent == 0
                ? fraction * Math.pow(2, -24)
                : exponent == 31
                        ? (fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN)
                        : (1 + fraction / 1024.0) * Math.pow(2, exponent - 15);
        return bits >> 15 == 0 ? magnitude : -magnitude;
    }

    @Test
    void every_half_converts_exactly_with_subnormals_infinities_and_nan() {
        float[] floats = converted(MemorySegment.ofArray(everyHalf()), StoredType.F16, ALL);
        float[] expected = new float[ALL];
        for (int bits = 0; bits < ALL; bits++) {
            expected[bits] = (float) half(bits);
        }
        assertThat(Arrays.equals(floats, expected)).isTrue();
    }

    @Test
    void every_bfloat16_is_the_upper_half_of_its_float() {
        float[] floats = converted(MemorySegment.ofArray(everyHalf()), StoredType.BF16, ALL);
        int[] expected = new int[ALL];
        for (int bits = 0; bits < ALL; bits++) {
            expected[bits] = bits << 16;
        }
        assertThat(MemorySegment.ofArray(floats).mismatch(MemorySegment.ofArray(expected)))
                .isEqualTo(-1);
    }

    @Test
    void doubles_round_to_nearest() {
        double[] doubles = {0, -0.0, 1e-300, 1e300, 1 + 0x1p-24, 1 + 0x1.8p-24, Double.NaN, 0x1p-149, 0x1p-150};
        float[] expected = {0, -0f, 0, Float.POSITIVE_INFINITY, 1, 1 + 0x1p-23f, Float.NaN, 0x1p-149f, 0};
        assertThat(converted(MemorySegment.ofArray(doubles), StoredType.F64, 9)).containsExactly(expected);
    }

    @Test
    void floats_keep_their_bits() {
        int[] bits = {0, 1, 0x80000000, 0x7f800001, 0x7fc12345, 0xff800000, 0x00400000};
        float[] floats = new float[bits.length];
        MemorySegment to = MemorySegment.ofArray(floats);
        new FloatConversion(MemorySegment.ofArray(bits), StoredType.F32).copyTo(to);
        assertThat(to.mismatch(MemorySegment.ofArray(bits))).isEqualTo(-1);
    }

    @ParameterizedTest
    @CsvSource({"1,1", "1,7", "7,1", "15,33", "16,16", "17,8193", "96,32", "0,5", "5,0"})
    void a_matrix_is_turned_from_any_type(int rows, int columns) {
        short[] halves = new short[rows * columns];
        var random = new SplittableRandom(1);
        for (int i = 0; i < halves.length; i++) {
            halves[i] = (short) random.nextInt(0x7c00);
        }
        float[] plain = converted(MemorySegment.ofArray(halves), StoredType.F16, halves.length);
        float[] fromHalves = new float[halves.length];
        float[] fromFloats = new float[halves.length];
        new FloatConversion(MemorySegment.ofArray(halves), StoredType.F16)
                .copyTransposedTo(MemorySegment.ofArray(fromHalves), rows, columns);
        new FloatConversion(MemorySegment.ofArray(plain), StoredType.F32)
                .copyTransposedTo(MemorySegment.ofArray(fromFloats), rows, columns);
        float[] expected = new float[halves.length];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                expected[column * rows + row] = plain[row * columns + column];
            }
        }
        assertThat(Arrays.equals(fromHalves, expected)).isTrue();
        assertThat(Arrays.equals(fromFloats, expected)).isTrue();
    }
}
