package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class AddTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.concat(
                Shapes.rows()
                        .flatMap(shape -> Stream.of(
                                add(
                                        "row",
                                        Array64.normal(random, shape),
                                        Array64.normal(random, shape[shape.length - 1])),
                                add("all", Array64.normal(random, shape), Array64.normal(random, shape)))),
                Stream.of(
                        add("positions", Array64.normal(random, 5, 17, 24), Array64.normal(random, 17, 24)),
                        add("1e4", Array64.normal(random, 5, 24).times(1e4), Array64.normal(random, 24))));
    }

    private static Case add(String label, Array64 x, Array64 y) {
        return new Case(
                String.format(Locale.ROOT, "%s %s + %s", label, x.shape(), y.shape()),
                y.size() == 0 ? 1 : x.size() / y.size(),
                List.of(x, y),
                in -> new Add(in.get(0), in.get(1)),
                in -> reference(in.get(0), in.get(1)));
    }

    private static List<Array64> reference(Array64 x, Array64 y) {
        var z = new double[x.size()];
        for (int i = 0; i < z.length; i++) {
            z[i] = x.at(i) + y.at(i % y.size());
        }
        return List.of(Array64.of(x.shape(), z));
    }

    @Test
    void rejects_a_y_that_is_not_the_last_axes_of_x() {
        Tensors.with(scope -> assertThatThrownBy(() -> new Add(
                        scope.tensor("x", new Shape(2, 3), DType.F32), scope.tensor("y", new Shape(2), DType.F32)))
                .hasMessage("Add: y must be the last axes of x [2, 3] f32, but y is [2]"));
    }
}
