package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DropoutTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.concat(
                Shapes.rows()
                        .map(shape ->
                                dropout("x", Array64.normal(random, shape), new DropoutKey(0.3f, 0x123456789abL, 7))),
                Stream.of(
                        dropout("nothing dropped", Array64.normal(random, 3, 37), DropoutKey.NONE),
                        dropout("nearly all dropped", Array64.normal(random, 3, 37), new DropoutKey(0.99f, 1, 2)),
                        dropout("wide keys", Array64.normal(random, 5, 37), new DropoutKey(0.5f, -2, 1L << 40)),
                        dropout("1e4", Array64.normal(random, 3, 37).times(1e4), new DropoutKey(0.1f, 5, 6))));
    }

    private static Case dropout(String label, Array64 x, DropoutKey key) {
        return new Case(
                String.format(Locale.ROOT, "%s %s %s", label, x.shape(), key),
                1,
                List.of(x),
                in -> new Dropout(in.getFirst(), key),
                in -> reference(in.getFirst(), key));
    }

    private static List<Array64> reference(Array64 x, DropoutKey key) {
        var y = new double[x.size()];
        for (int i = 0; i < y.length; i++) {
            double keep = Philox.keep(key, i);
            y[i] = keep == 0 ? 0 : keep * x.at(i);
        }
        return List.of(Array64.of(x.shape(), y));
    }

    @Test
    void keeps_exactly_the_elements_that_philox_says() {
        var key = new DropoutKey(0.4f, 0xfeedbeefcafeL, 0x7_0000_0003L);
        Case ones = dropout("ones", Array64.zeros(1 << 16).map(_ -> 1), key);
        float[] y = run(ones, 2, List.of(), List.of()).results().getFirst();
        assertThat(IntStream.range(0, y.length).filter(i -> (y[i] != 0) != (Philox.keep(key, i) != 0)))
                .isEmpty();
        assertThat(IntStream.range(0, y.length).filter(i -> y[i] != 0).count() / (double) y.length)
                .isBetween(0.59, 0.61);
    }

    @Test
    void rejects_a_rate_of_one() {
        assertThatThrownBy(() -> new DropoutKey(1, 0, 0)).hasMessage("Dropout: rate must be in [0, 1), but it is 1.0");
    }
}
