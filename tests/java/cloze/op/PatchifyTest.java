package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class PatchifyTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        int[][] shapes = {{1, 1, 1, 1, 1}, {2, 4, 6, 3, 2}, {1, 6, 3, 1, 3}, {0, 4, 4, 3, 2}, {2, 32, 32, 3, 4}};
        return Stream.of(shapes).map(s -> patchify(Array64.normal(random, s[0], s[1], s[2], s[3]), s[4]));
    }

    private static Case patchify(Array64 x, int side) {
        return new Case(
                String.format(Locale.ROOT, "%s by %d", x.shape(), side),
                1,
                List.of(x),
                in -> new Patchify(in.getFirst(), side),
                in -> List.of(reference(in.getFirst(), side)));
    }

    /** Pixel by pixel: each has its place. */
    private static Array64 reference(Array64 x, int side) {
        int h = x.extent(1);
        int w = x.extent(2);
        int c = x.extent(3);
        Array64 y = Array64.zeros(x.extent(0), h / side * (w / side), side * side * c);
        for (int i = 0; i < x.size(); i++) {
            int channel = i % c;
            int column = i / c % w;
            int row = i / (c * w) % h;
            int patch = row / side * (w / side) + column / side;
            int inside = (row % side * side + column % side) * c + channel;
            y.data()[(i / (h * w * c) * y.extent(1) + patch) * y.extent(2) + inside] = x.at(i);
        }
        return y;
    }

    @Test
    void rejects_a_side_that_does_not_divide() {
        Tensors.with(scope -> assertThatThrownBy(
                        () -> new Patchify(scope.tensor("x", new Shape(2, 28, 28, 1), DType.F32), 5))
                .hasMessage(
                        "Patchify: side must be a divisor of height and width of x [2, 28, 28, 1] f32, but it is 5"));
    }
}
