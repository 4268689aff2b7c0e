package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DropPathTest extends OpContract {
    private static final DropoutKey HALF = new DropoutKey(0.5f, 0x123456789abL, 7);

    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.concat(
                Shapes.rows().map(shape -> drop(Array64.normal(random, shape), HALF)),
                Stream.of(
                        drop(Array64.normal(random, 5, 3, 37), DropoutKey.NONE),
                        drop(Array64.normal(random, 5, 37), new DropoutKey(0.99f, 1, 2)),
                        drop(Array64.normal(random, 9, 16, 32), new DropoutKey(0.3f, -2, 1L << 40)),
                        drop(Array64.normal(random, 6, 37).times(1e4), new DropoutKey(0.1f, 5, 6))));
    }

    private static Case drop(Array64 x, DropoutKey key) {
        return new Case(
                String.format(Locale.ROOT, "%s %s", x.shape(), key),
                1,
                List.of(x),
                in -> new DropPath(in.getFirst(), key),
                in -> reference(in.getFirst(), key));
    }

    private static List<Array64> reference(Array64 x, DropoutKey key) {
        var y = new double[x.size()];
        int sample = x.extent(0) == 0 ? 1 : x.size() / x.extent(0);
        for (int i = 0; i < y.length; i++) {
            double keep = Philox.keep(key, i / sample);
            y[i] = keep == 0 ? 0 : keep * x.at(i);
        }
        return List.of(Array64.of(x.shape(), y));
    }

    @Test
    void a_sample_is_kept_or_dropped_as_a_whole_as_often_as_the_rate_says() {
        var key = new DropoutKey(0.3f, 0xfeedbeefL, 3);
        int n = 5;
        Case ones = drop(Array64.zeros(10_000, n).map(_ -> 1), key);
        float[] y = run(ones, 2, List.of(), List.of()).results().getFirst();
        int kept = 0;
        for (int sample = 0; sample < 10_000; sample++) {
            for (int i = 1; i < n; i++) {
                assertThat(y[sample * n + i]).isEqualTo(y[sample * n]);
            }
            kept += y[sample * n] != 0 ? 1 : 0;
        }
        assertThat(kept / 10_000.0).isBetween(0.68, 0.72);
    }

    @Test
    void rejects_numbers_that_are_no_samples() {
        Tensors.with(scope -> assertThatThrownBy(
                        () -> new DropPath(scope.tensor("x", new Shape(4), DType.F32), DropoutKey.NONE))
                .hasMessage("DropPath: x must be [B, ...], but it is x [4] f32"));
    }
}
