package cloze.stat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PrincipalComponentsTest {
    /** Points whose covariance is exactly diag(variances): plus and minus along each axis, turned by 30 degrees in the first two. */
    private static List<float[]> cross(double... variances) {
        double cos = Math.cos(Math.PI / 6);
        double sin = Math.sin(Math.PI / 6);
        List<float[]> rows = new ArrayList<>();
        int n = 2 * variances.length;
        for (int i = 0; i < n; i++) {
            double[] x = new double[variances.length];
            x[i / 2] = (i % 2 == 0 ? 1 : -1) * Math.sqrt(variances[i / 2] * (n - 1) / 2);
            float[] row = new float[variances.length];
            row[0] = (float) (cos * x[0] - sin * x[1] + 5);
            row[1] = (float) (sin * x[0] + cos * x[1] - 3);
            for (int d = 2; d < row.length; d++) {
                row[d] = (float) x[d];
            }
            rows.add(row);
        }
        return rows;
    }

    @Test
    void planted_directions_and_variances_are_found() {
        var found = PrincipalComponents.of(cross(9, 4, 2, 1), 3);
        assertThat(found.shares().get(0)).isCloseTo(9.0 / 16, within(1e-6));
        assertThat(found.shares().get(1)).isCloseTo(4.0 / 16, within(1e-6));
        assertThat(found.shares().get(2)).isCloseTo(2.0 / 16, within(1e-6));
        float[] along = {(float) (5 + Math.cos(Math.PI / 6)), (float) (-3 + Math.sin(Math.PI / 6)), 0, 0};
        assertThat(found.along(0, along)).isCloseTo(1, within(1e-5));
        assertThat(found.along(1, along)).isCloseTo(0, within(1e-5));
    }

    @Test
    void what_lies_along_a_component_has_its_variance_and_components_are_not_correlated() {
        var random = new SplittableRandom(3);
        List<float[]> rows = new ArrayList<>();
        double all = 0;
        for (int i = 0; i < 300; i++) {
            float[] row = new float[12];
            double common = random.nextGaussian();
            for (int d = 0; d < 12; d++) {
                row[d] = (float) (random.nextGaussian() + d * common / 6);
            }
            rows.add(row);
        }
        var found = PrincipalComponents.of(rows, 2);
        double[] squares = new double[3];
        for (float[] row : rows) {
            squares[0] += found.along(0, row) * found.along(0, row) / 299;
            squares[1] += found.along(1, row) * found.along(1, row) / 299;
            squares[2] += found.along(0, row) * found.along(1, row) / 299;
        }
        for (int d = 0; d < 12; d++) {
            double mean = 0;
            for (float[] row : rows) {
                mean += row[d] / 300.0;
            }
            for (float[] row : rows) {
                all += (row[d] - mean) * (row[d] - mean) / 299;
            }
        }
        assertThat(squares[0] / all).isCloseTo(found.shares().get(0), within(1e-9));
        assertThat(squares[1] / all).isCloseTo(found.shares().get(1), within(1e-9));
        assertThat(squares[2]).isCloseTo(0, within(1e-6));
        assertThat(found.shares().get(0)).isGreaterThan(found.shares().get(1));
    }

    @Test
    void rows_that_are_all_the_same_have_no_variance() {
        var none = PrincipalComponents.of(List.of(new float[] {1, 2}, new float[] {1, 2}), 2);
        assertThat(none.shares()).containsExactly(0.0, 0.0);
        assertThat(none.along(0, new float[] {1, 2})).isZero();
        assertThatThrownBy(() -> PrincipalComponents.of(List.of(new float[] {1, 2}), 1))
                .hasMessage(
                        "PrincipalComponents: 2 rows or more and 1 to 2 components are needed, but they are 1 and 1");
    }
}
