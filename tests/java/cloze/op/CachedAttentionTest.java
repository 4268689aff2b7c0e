package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CachedAttentionTest extends OpContract {
    private record Extents(int b, int t, int capacity, Heads heads, int window) {}

    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.of(
                        new Extents(1, 1, 1, new Heads(1, 1, 1), 0),
                        new Extents(2, 1, 9, new Heads(2, 1, 3), 0),
                        new Extents(3, 1, 65, new Heads(4, 2, 32), 0),
                        new Extents(2, 5, 17, new Heads(2, 2, 33), 0),
                        new Extents(2, 50, 130, new Heads(6, 2, 64), 0),
                        new Extents(3, 1, 65, new Heads(4, 2, 31), 7),
                        new Extents(2, 17, 50, new Heads(2, 2, 8), 7),
                        new Extents(0, 2, 9, new Heads(2, 2, 8), 0))
                .flatMap(e -> Stream.of(cached(e, 1, random), cached(e, 100, random)));
    }

    /** What is in the cache past the tokens so far is NaN. */
    private static Case cached(Extents e, double scale, SplittableRandom random) {
        Array64 starts = Array64.ints(b -> b == 0 ? e.capacity - e.t : random.nextInt(e.capacity - e.t + 1), e.b);
        return new Case(
                        String.format(Locale.ROOT, "%s x %.0f", e, scale),
                        Math.max(e.capacity, e.heads.width()),
                        List.of(
                                Array64.normal(random, e.b, e.t, e.heads.fused())
                                        .times(scale),
                                starts,
                                cache(e, starts, random),
                                cache(e, starts, random)),
                        in -> new CachedAttention(in.get(0), e.heads, in.get(1), in.get(2), in.get(3), e.window),
                        in -> reference(e, in))
                .condition(scale * 10);
    }

    private static Array64 cache(Extents e, Array64 starts, SplittableRandom random) {
        int row = e.heads.keyValues() * e.heads.width();
        Array64 cache = Array64.normal(random, e.b, e.capacity, row);
        for (int b = 0; b < e.b; b++) {
            Arrays.fill(cache.data(), (b * e.capacity + starts.intAt(b)) * row, (b + 1) * e.capacity * row, Double.NaN);
        }
        return cache;
    }

    private static List<Array64> reference(Extents e, List<Array64> in) {
        Array64 keys = written(e, in, 2, e.heads.queries());
        Array64 values = written(e, in, 3, e.heads.queries() + e.heads.keyValues());
        Array64 y = Array64.zeros(e.b, e.t, e.heads.inner());
        int width = e.heads.width();
        var p = new double[e.capacity];
        for (int i = 0; i < e.b * e.t * e.heads.queries(); i++) {
            int token = i / e.heads.queries();
            int head = i % e.heads.queries();
            int position = in.get(1).intAt(token / e.t) + token % e.t;
            int kv = head / (e.heads.queries() / e.heads.keyValues());
            for (int j = 0; j < e.capacity; j++) {
                boolean visible = j <= position && (e.window == 0 || position - j < e.window);
                p[j] = visible ? 0 : Double.NEGATIVE_INFINITY;
                for (int c = 0; visible && c < width; c++) {
                    p[j] += in.getFirst().at(token * e.heads.fused() + head * width + c)
                            * keys.at(at(e, token / e.t, j, kv, c))
                            / Math.sqrt(width);
                }
            }
            AttentionTest.softmax(p);
            for (int j = 0; j < e.capacity; j++) {
                for (int c = 0; p[j] != 0 && c < width; c++) {
                    y.data()[i * width + c] += p[j] * values.at(at(e, token / e.t, j, kv, c));
                }
            }
        }
        return List.of(y, keys, values);
    }

    private static int at(Extents e, int b, int position, int kv, int c) {
        return ((b * e.capacity + position) * e.heads.keyValues() + kv) * e.heads.width() + c;
    }

    /** The cache with the new tokens in it. */
    private static Array64 written(Extents e, List<Array64> in, int cache, int firstHead) {
        Array64 result = Array64.of(in.get(cache).shape(), in.get(cache).data().clone());
        for (int token = 0; token < e.b * e.t; token++) {
            int row = e.heads.keyValues() * e.heads.width();
            int position = in.get(1).intAt(token / e.t) + token % e.t;
            System.arraycopy(
                    in.getFirst().data(),
                    token * e.heads.fused() + firstHead * e.heads.width(),
                    result.data(),
                    at(e, token / e.t, position, 0, 0),
                    row);
        }
        return result;
    }

    @Override
    boolean overwrites(int input, boolean training) {
        return input >= 2;
    }

    @Override
    boolean differentiable() {
        return false;
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("all")
    void writes_the_new_keys_and_values_and_nothing_else(Case c) {
        List<float[]> after = run(c, 2, List.of(), List.of()).inputs();
        assertThat(after.get(2)).isEqualTo(c.expected().get(1).floats());
        assertThat(after.get(3)).isEqualTo(c.expected().get(2).floats());
    }

    @Test
    void rejects_a_tape_that_records() {
        try (Backend backend = device.open(1);
                Scope scope = backend.memory().scope("test")) {
            var heads = Heads.of(1, 2);
            var op = new CachedAttention(
                    scope.tensor("qkv", new Shape(1, 1, 6), DType.F32, true),
                    heads,
                    scope.tensor("starts", new Shape(1), DType.I32),
                    scope.tensor("keys", new Shape(1, 4, 2), DType.F32),
                    scope.tensor("values", new Shape(1, 4, 2), DType.F32),
                    0);
            Tape tape = Tape.recording(backend, scope, 0, 0);
            assertThatThrownBy(() -> tape.apply(op))
                    .hasMessage("CachedAttention: tape must be one for inference, but it is recording");
        }
    }
}
