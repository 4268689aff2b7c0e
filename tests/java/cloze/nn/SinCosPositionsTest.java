package cloze.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class SinCosPositionsTest {
    @Test
    void products_of_positions_depend_on_their_distance_alone() {
        int width = 32;
        float[] table = SinCosPositions.line(40, width);
        assertThat(product(table, 3, 10, width)).isCloseTo(product(table, 21, 28, width), within(1e-5));
        assertThat(product(table, 5, 5, width)).isCloseTo(width / 2.0, within(1e-5));
        assertThat(table[width]).isCloseTo((float) Math.sin(1), within(1e-6f));
        assertThat(table[width + width / 2]).isCloseTo((float) Math.cos(1), within(1e-6f));
    }

    @Test
    void a_grid_tells_column_and_row() {
        float[] grid = SinCosPositions.grid(3, 5, 16);
        float[] line = SinCosPositions.line(5, 8);
        for (int i = 0; i < 8; i++) {
            assertThat(grid[(2 * 5 + 4) * 16 + i]).isEqualTo(line[4 * 8 + i]);
            assertThat(grid[(2 * 5 + 4) * 16 + 8 + i]).isEqualTo(line[2 * 8 + i]);
        }
    }

    @Test
    void refuses_a_width_that_does_not_halve() {
        assertThatThrownBy(() -> SinCosPositions.line(2, 5)).hasMessageContaining("width must be even, but it is 5");
    }

    private static double product(float[] table, int a, int b, int width) {
        double sum = 0;
        for (int i = 0; i < width; i++) {
            sum += table[a * width + i] * table[b * width + i];
        }
        return sum;
    }
}
