package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MaskedL1Test extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        int[][] shapes = {{1, 1, 1}, {2, 3, 5}, {3, 7, 31}, {2, 4, 48}, {1, 5, 33}, {4, 49, 192}};
        return Stream.of(shapes).flatMap(s -> {
            Array64 target = Array64.normal(random, s);
            Array64 x = apart(target, random);
            return Stream.of(l1("some", x, target, i -> i % 4 == 1 ? 0 : 1), l1("all", x, target, _ -> 1));
        });
    }

    /** At least 0.1 from the target: differences across the kink are no slope. */
    private static Array64 apart(Array64 target, SplittableRandom random) {
        Array64 x = Array64.normal(random, target.shape().extents());
        for (int i = 0; i < x.size(); i++) {
            x.data()[i] = target.at(i) + x.at(i) + Math.copySign(0.1, x.at(i));
        }
        return x;
    }

    private static Case l1(String hidden, Array64 x, Array64 target, IntUnaryOperator mask) {
        return new Case(
                        String.format(Locale.ROOT, "%s hidden of %s", hidden, x.shape()),
                        x.extent(2),
                        List.of(x, target, Array64.ints(mask, x.extent(0), x.extent(1))),
                        in -> new MaskedL1(in.get(0), in.get(1), in.get(2)),
                        in -> reference(in.get(0), in.get(1), in.get(2)))
                .constant(1);
    }

    private static List<Array64> reference(Array64 x, Array64 target, Array64 mask) {
        int d = x.extent(2);
        Array64 rows = Array64.zeros(x.extent(0), x.extent(1));
        double total = 0;
        int hidden = 0;
        for (int row = 0; row < rows.size(); row++) {
            for (int i = 0; i < d; i++) {
                rows.data()[row] += Math.abs(x.at(row * d + i) - target.at(row * d + i)) / d;
            }
            total += mask.intAt(row) * rows.at(row);
            hidden += mask.intAt(row);
        }
        return List.of(Array64.of(new Shape(1), new double[] {hidden == 0 ? 0 : total / hidden}), rows);
    }

    @Test
    void what_is_right_already_has_no_slope() {
        Array64 target = Array64.normal(new SplittableRandom(2), 2, 3, 37);
        Array64 x = Array64.of(target.shape(), target.data().clone());
        x.data()[40] += 1;
        Case c = l1("all", x, target, _ -> 1);
        float[] gradient = run(c, 1, List.of(0), List.of()).gradients().get(0);
        for (int i = 0; i < gradient.length; i++) {
            assertThat(gradient[i] != 0).as("element %d", i).isEqualTo(i == 40);
        }
    }
}
