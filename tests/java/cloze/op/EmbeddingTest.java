package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class EmbeddingTest extends OpContract {
    private record Form(boolean positions, boolean starts) {}

    private record Extents(int b, int t, int v, int d, int p) {}

    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.of(new Form(false, false), new Form(true, false), new Form(true, true))
                .flatMap(form -> Stream.of(
                                new Extents(1, 1, 1, 1, 3),
                                new Extents(2, 3, 5, 7, 6),
                                new Extents(3, 7, 11, 31, 9),
                                new Extents(2, 32, 3, 32, 40),
                                new Extents(1, 5, 40, 33, 7),
                                new Extents(0, 4, 3, 8, 9),
                                new Extents(8, 64, 997, 192, 70),
                                new Extents(3, 50, 2, 264, 60), // several pieces a row, columns for two warps
                                new Extents(2, 700, 4, 8, 700)) // several chunks
                        .map(e -> embedding(form, e, random)));
    }

    private static Case embedding(Form form, Extents e, SplittableRandom random) {
        var inputs = new ArrayList<Array64>();
        inputs.add(Array64.ints(_ -> random.nextInt(e.v), e.b, e.t));
        inputs.add(Array64.normal(random, e.v, e.d));
        if (form.positions) {
            inputs.add(Array64.normal(random, e.p, e.d));
        }
        if (form.starts) {
            inputs.add(Array64.ints(_ -> random.nextInt(e.p - e.t + 1), e.b));
        }
        return new Case(
                form + " " + e,
                e.b * e.t,
                inputs,
                in -> new Embedding(
                        in.get(0), in.get(1), form.positions ? in.get(2) : null, form.starts ? in.get(3) : null),
                in -> reference(in, form.positions ? in.get(2) : null, form.starts ? in.get(3) : null));
    }

    private static List<Array64> reference(List<Array64> in, @Nullable Array64 positions, @Nullable Array64 starts) {
        Array64 ids = in.get(0);
        int t = ids.extent(1);
        int d = in.get(1).extent(1);
        Array64 y = Array64.zeros(ids.extent(0), t, d);
        for (int i = 0; i < y.size(); i++) {
            int token = i / d;
            int start = starts == null ? 0 : starts.intAt(token / t);
            double position = positions == null ? 0 : positions.at((start + token % t) * d + i % d);
            y.data()[i] = in.get(1).at(ids.intAt(token) * d + i % d) + position;
        }
        return List.of(y);
    }

    /** Tokens are sorted with the help of atomics. */
    @Test
    void gradients_have_the_same_bits_in_any_order_of_threads() {
        List<Device> orders = Device.all().stream()
                .filter(other -> other.name().equals(device.name())
                        || (other.name().startsWith("cuda") && device.name().startsWith("cuda")))
                .toList();
        assertThat(orders).isNotEmpty();
        Device first = device;
        Case repeated = embedding(new Form(true, true), new Extents(4, 90, 3, 17, 99), new SplittableRandom(2));
        Run expected = run(repeated, 1, repeated.trainable(), List.of());
        try {
            for (Device other : orders) {
                device = other;
                Run again = run(repeated, 1, repeated.trainable(), List.of());
                assertThat(again.gradients())
                        .hasSize(2)
                        .allSatisfy((input, gradient) -> assertThat(gradient)
                                .isEqualTo(expected.gradients().get(input)));
            }
        } finally {
            device = first;
        }
    }

    @Test
    void rejects_fewer_positions_than_tokens() {
        Tensors.with(scope -> assertThatThrownBy(() -> new Embedding(
                        scope.tensor("ids", new Shape(2, 9), DType.I32),
                        scope.tensor("wte", new Shape(50, 4), DType.F32),
                        scope.tensor("wpe", new Shape(8, 4), DType.F32),
                        null))
                .hasMessage("Embedding: positions must be [at least 9, 4], but it is wpe [8, 4] f32"));
    }
}
