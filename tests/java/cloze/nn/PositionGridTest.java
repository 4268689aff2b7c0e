package cloze.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PositionGridTest {
    private static float[] random(int size) {
        var random = new SplittableRandom(1);
        var table = new float[size];
        for (int i = 0; i < size; i++) {
            table[i] = (float) random.nextGaussian();
        }
        return table;
    }

    @Test
    void the_same_size_changes_nothing() {
        float[] table = random(5 * 5 * 8);
        assertThat(PositionGrid.resize(table, 5, 5, 8)).isEqualTo(table);
    }

    @ParameterizedTest
    @CsvSource({"5, 7", "14, 24", "14, 7", "1, 3"})
    void what_is_the_same_everywhere_stays_so(int from, int to) {
        var table = new float[from * from * 4];
        Arrays.fill(table, 3);
        for (float value : PositionGrid.resize(table, from, to, 4)) {
            assertThat(value).isCloseTo(3, within(1e-5f));
        }
    }

    @Test
    void rows_and_columns_are_treated_alike() {
        float[] table = random(5 * 5);
        float[] resized = PositionGrid.resize(table, 5, 8, 1);
        float[] turned = PositionGrid.resize(turn(table, 5), 5, 8, 1);
        for (int i = 0; i < resized.length; i++) {
            assertThat(turn(turned, 8)[i]).isCloseTo(resized[i], within(1e-5f));
        }
    }

    private static float[] turn(float[] square, int side) {
        var turned = new float[square.length];
        for (int i = 0; i < turned.length; i++) {
            turned[i] = square[i % side * side + i / side];
        }
        return turned;
    }

    /** The kernel at distances 1.25, 0.25, 0.75 and 1.75 for A = -0.75. */
    @Test
    void twice_the_size_reads_a_quarter_off_the_centres() {
        var square = new float[25];
        for (int row = 0; row < 5; row++) {
            square[row * 5 + 2] = 1;
        }
        float[] resized = PositionGrid.resize(square, 5, 10, 1);
        assertThat(Arrays.copyOf(resized, 10))
                .containsExactly(
                        new float[] {
                            0,
                            -0.03515625f,
                            -0.10546875f,
                            0.26171875f,
                            0.87890625f,
                            0.87890625f,
                            0.26171875f,
                            -0.10546875f,
                            -0.03515625f,
                            0
                        },
                        within(1e-6f));
    }
}
