package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class MeanPoolTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        int[][] shapes = {{1, 1, 1}, {2, 3, 5}, {3, 7, 31}, {2, 32, 32}, {1, 5, 33}, {0, 4, 4}, {4, 50, 192}};
        return Stream.concat(
                Stream.of(shapes).flatMap(shape -> {
                    Array64 x = Array64.normal(random, shape);
                    return Stream.of(pool("all", x, null), pool("some", x, _ -> random.nextInt(2)));
                }),
                Stream.of(
                        pool("none in row 1", Array64.normal(random, 3, 6, 9), i -> i / 6 == 1 ? 0 : 1),
                        pool("1e4", Array64.normal(random, 3, 6, 9).times(1e4), null)));
    }

    private static Case pool(String label, Array64 x, @Nullable IntUnaryOperator keep) {
        return new Case(
                label + " " + x.shape(),
                x.extent(1),
                keep == null ? List.of(x) : List.of(x, Array64.ints(keep, x.extent(0), x.extent(1))),
                in -> new MeanPool(in.getFirst(), keep == null ? null : in.get(1)),
                in -> reference(in.getFirst(), keep == null ? null : in.get(1)));
    }

    private static List<Array64> reference(Array64 x, @Nullable Array64 keep) {
        int t = x.extent(1);
        int d = x.extent(2);
        Array64 y = Array64.zeros(x.extent(0), d);
        for (int b = 0; b < x.extent(0); b++) {
            int kept = 0;
            for (int i = 0; i < t; i++) {
                kept += keep == null ? 1 : keep.intAt(b * t + i);
            }
            for (int i = 0; i < t; i++) {
                for (int c = 0; c < d && (keep == null || keep.at(b * t + i) == 1); c++) {
                    y.data()[b * d + c] += x.at((b * t + i) * d + c) / kept;
                }
            }
        }
        return List.of(y);
    }

    @Test
    void a_nan_in_a_token_that_is_not_kept_stays_hidden() {
        Array64 x = Array64.zeros(2, 5, 33).map(_ -> 1);
        Arrays.fill(x.data(), 33, 66, Double.NaN);
        float[] y = run(pool("NaN", x, i -> i == 1 ? 0 : 1), 2, List.of(), List.of())
                .results()
                .getFirst();
        assertThat(y).containsOnly(1);
    }

    @Test
    void rejects_a_keep_of_another_length() {
        Tensors.with(scope -> assertThatThrownBy(() -> new MeanPool(
                        scope.tensor("x", new Shape(2, 3, 4), DType.F32),
                        scope.tensor("keep", new Shape(2, 4), DType.I32)))
                .hasMessage("MeanPool: keep must be [2, 3] to fit x [2, 3, 4] f32, but keep is [2, 4]"));
    }
}
