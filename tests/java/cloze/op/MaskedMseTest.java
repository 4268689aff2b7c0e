package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MaskedMseTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        int[][] shapes = {{1, 1, 2}, {2, 3, 5}, {3, 7, 31}, {2, 4, 48}, {1, 5, 33}, {4, 49, 192}};
        return Stream.of(shapes)
                .flatMap(s -> Stream.of(false, true).flatMap(normalize -> {
                    Array64 x = Array64.normal(random, s);
                    Array64 target = Array64.normal(random, s);
                    return Stream.of(
                            mse("some", x, target, i -> i % 4 == 1 ? 0 : 1, normalize),
                            mse("all", x, target, _ -> 1, normalize));
                }));
    }

    private static Case mse(String hidden, Array64 x, Array64 target, IntUnaryOperator mask, boolean normalize) {
        return new Case(
                        String.format(
                                Locale.ROOT, "%s hidden of %s%s", hidden, x.shape(), normalize ? ", normalised" : ""),
                        x.extent(2),
                        List.of(x, target, Array64.ints(mask, x.extent(0), x.extent(1))),
                        in -> new MaskedMse(in.get(0), in.get(1), in.get(2), normalize),
                        in -> reference(in.get(0), in.get(1), in.get(2), normalize))
                .constant(1);
    }

    private static List<Array64> reference(Array64 x, Array64 target, Array64 mask, boolean normalize) {
        int d = x.extent(2);
        Array64 rows = Array64.zeros(x.extent(0), x.extent(1));
        double total = 0;
        int hidden = 0;
        for (int row = 0; row < rows.size(); row++) {
            double mean = 0;
            double square = 0;
            for (int i = 0; i < d; i++) {
                mean += target.at(row * d + i) / d;
            }
            for (int i = 0; i < d; i++) {
                square += Math.pow(target.at(row * d + i) - mean, 2);
            }
            double spread = Math.sqrt(square / (d - 1) + 1e-6);
            for (int i = 0; i < d; i++) {
                double t = normalize ? (target.at(row * d + i) - mean) / spread : target.at(row * d + i);
                rows.data()[row] += Math.pow(x.at(row * d + i) - t, 2) / d;
            }
            total += mask.intAt(row) * rows.at(row);
            hidden += mask.intAt(row);
        }
        return List.of(Array64.of(new Shape(1), new double[] {hidden == 0 ? 0 : total / hidden}), rows);
    }

    /** The unbiased variance of n numbers is 1, so the mean square of a prediction of nothing is (n - 1) / n. */
    @Test
    void predicting_nothing_costs_n_minus_1_over_n() {
        for (int side : new int[] {4, 8, 16}) {
            int n = side * side * 3;
            Array64 target = Array64.normal(new SplittableRandom(2), 2, 3, n);
            float loss = run(mse("all", Array64.zeros(2, 3, n), target, _ -> 1, true), 1, List.of(), List.of())
                    .results()
                    .getFirst()[0];
            assertThat(loss).isCloseTo((n - 1f) / n, within(1e-4f));
        }
    }
}
