package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class RopeTest extends OpContract {
    private static final float THETA = 10_000;

    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.of(
                        rope(random, 1, 1, new Heads(1, 1, 2), false),
                        rope(random, 2, 3, new Heads(2, 1, 6), false),
                        rope(random, 2, 5, new Heads(3, 1, 10), true),
                        rope(random, 1, 7, new Heads(4, 2, 16), true),
                        rope(random, 1, 3, new Heads(1, 1, 62), true),
                        rope(random, 1, 3, new Heads(1, 1, 66), false),
                        rope(random, 0, 3, new Heads(2, 2, 4), true),
                        rope(random, 3, 65, new Heads(6, 2, 64), true))
                .flatMap(c -> c);
    }

    /** At usual magnitudes and at 1e4. */
    private static Stream<Case> rope(SplittableRandom random, int b, int t, Heads heads, boolean starts) {
        Array64 x = Array64.normal(random, b, t, heads.fused());
        Array64 first = Array64.ints(_ -> random.nextInt(900), b);
        return Stream.of(1.0, 1e4)
                .map(scale -> new Case(
                        String.format(
                                Locale.ROOT, "%s x %.0f %s%s", x.shape(), scale, heads, starts ? " with starts" : ""),
                        2,
                        starts ? List.of(x.times(scale), first) : List.of(x.times(scale)),
                        in -> new Rope(in.getFirst(), heads, starts ? in.get(1) : null, THETA),
                        in -> reference(in.getFirst(), heads, starts ? in.get(1) : null)));
    }

    private static List<Array64> reference(Array64 x, Heads heads, @Nullable Array64 starts) {
        int t = x.extent(1);
        int width = heads.width();
        Array64 y = Array64.of(x.shape(), x.data().clone());
        for (int token = 0; token < x.rows(); token++) {
            int position = token % t + (starts == null ? 0 : starts.intAt(token / t));
            for (int h = 0; h < heads.queries() + heads.keyValues(); h++) {
                for (int i = 0; i < width / 2; i++) {
                    double angle = position * Math.pow(THETA, -2.0 * i / width);
                    int real = token * heads.fused() + h * width + i;
                    int imaginary = real + width / 2;
                    y.data()[real] = x.at(real) * Math.cos(angle) - x.at(imaginary) * Math.sin(angle);
                    y.data()[imaginary] = x.at(imaginary) * Math.cos(angle) + x.at(real) * Math.sin(angle);
                }
            }
        }
        return List.of(y);
    }

    @Test
    void rejects_an_odd_head_width() {
        Tensors.with(scope -> assertThatThrownBy(
                        () -> new Rope(scope.tensor("qkv", new Shape(1, 2, 9), DType.F32), Heads.of(1, 3), null, THETA))
                .hasMessage("Rope: head width must be even, but it is 3"));
    }
}
