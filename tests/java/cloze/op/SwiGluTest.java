package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SwiGluTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.concat(
                Shapes.rows().map(shape -> {
                    int[] doubled = shape.clone();
                    doubled[doubled.length - 1] *= 2;
                    return swiGlu(Shapes.label(doubled), Array64.normal(random, doubled));
                }),
                Stream.of(
                        swiGlu("1e4", Array64.normal(random, 3, 38).times(1e4)),
                        swiGlu("gate of 100", Array64.normal(random, 3, 38).times(100))));
    }

    private static Case swiGlu(String label, Array64 x) {
        return new Case(label, 1, List.of(x), in -> new SwiGlu(in.getFirst()), in -> reference(in.getFirst()));
    }

    private static List<Array64> reference(Array64 x) {
        int f = x.columns() / 2;
        var y = new double[x.size() / 2];
        for (int i = 0; i < y.length; i++) {
            double gate = x.at(i / f * 2 * f + i % f);
            double up = x.at(i / f * 2 * f + f + i % f);
            y[i] = gate * Scalars.sigmoid(gate) * up;
        }
        return List.of(Array64.of(x.shape().withLast(f), y));
    }

    @Test
    void rejects_an_odd_last_axis() {
        Tensors.with(scope -> assertThatThrownBy(() -> new SwiGlu(scope.tensor("x", new Shape(2, 3), DType.F32)))
                .hasMessage("SwiGlu: x must be [..., 2 F], but it is x [2, 3] f32"));
    }
}
