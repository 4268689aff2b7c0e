package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Attention of bf16 on tensor cores, where tiles end, masks cut them and rings of them turn around. It may be off by
 * twice as much as plain attention whose every array is rounded to bf16, its gradients by three times as much.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("devices")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AttentionMmaTest {
    private static final double FORWARD = 2;
    private static final double BACKWARD = 3;

    /** Sums are f32, of terms near 1. */
    private static final double SUMS = 1e-5;

    private static final DropoutKey DROPOUT = new DropoutKey(0.2f, 0x5eed_0000_0001L, 0x3_0000_0009L);

    /** What is exact, and what plain attention makes in bf16; all devices have them in common. */
    private record References(Values exact, Values plain) {
        static References of(Example x) {
            return new References(reference(x, DoubleUnaryOperator.identity()), reference(x, AttentionMmaTest::bf16));
        }
    }

    private static final Map<Example, References> REFERENCES = new ConcurrentHashMap<>();

    /** Runs at aligned addresses into new gradients, which all tests look at. */
    private final Map<Example, Values> answers = new HashMap<>();

    @Parameter
    Device device;

    static List<Device> devices() {
        return Device.all().stream()
                .filter(device -> device.name().startsWith("cuda"))
                .toList();
    }

    private record Extents(int b, int t, Heads heads) {}

    record Example(Extents e, String mask, int window, DropoutKey dropout, double size) {
        Example(int b, int t, Heads heads, String mask, int window, DropoutKey dropout) {
            this(new Extents(b, t, heads), mask, window, dropout, 1);
        }

        boolean causal() {
            return mask.contains("causal");
        }

        /** Row 0 has gaps, its first token among them, and a tile of padding; the last row has no token. */
        boolean kept(int b, int j) {
            boolean gap = j % 7 == 0 || (j >= 32 && j < 96) || j >= e.t - 20;
            return !mask.contains("padding") || ((e.b == 1 || b < e.b - 1) && !gap);
        }

        boolean sees(int b, int i, int j) {
            return (!causal() || j <= i) && (window == 0 || Math.abs(i - j) < window) && kept(b, j);
        }

        double factor(int row, int j) {
            if (dropout.rate() == 0) {
                return 1;
            }
            float u = Philox.uniform(dropout.seed(), dropout.offset(), j / 4, row, j % 4);
            return u >= dropout.rate() ? 1 / (1.0 - dropout.rate()) : 0;
        }

        double[] normal(int seed, int columns) {
            var random = new SplittableRandom(seed);
            return IntStream.range(0, e.b * e.t * columns)
                    .mapToDouble(i -> bf16(size * random.nextGaussian()))
                    .toArray();
        }

        double[] qkv() {
            return normal(1, e.heads.fused());
        }

        double[] dy() {
            return normal(2, e.heads.inner());
        }

        /** What the gradient is added to. */
        double[] earlier() {
            return normal(3, e.heads.fused());
        }
    }

    /** For tools that make kernels slow: one query, dropout, and as many tiles at each width as turn its rings around. */
    private static Stream<Example> few() {
        return Stream.of(
                new Example(1, 1, new Heads(1, 1, 32), "none", 0, DropoutKey.NONE),
                new Example(3, 5, new Heads(2, 2, 64), "causal", 0, DROPOUT),
                new Example(1, 130, new Heads(2, 1, 32), "causal", 0, DROPOUT),
                new Example(1, 333, new Heads(1, 1, 64), "causal", 0, DropoutKey.NONE),
                new Example(1, 129, new Heads(1, 1, 128), "none", 0, DropoutKey.NONE));
    }

    static Stream<Example> examples() {
        return Boolean.getBoolean(OpContract.SMALL) ? few() : Stream.concat(few(), more());
    }

    private static Stream<Example> more() {
        return Stream.of(
                new Example(2, 160, new Heads(1, 1, 32), "padding", 0, DropoutKey.NONE),
                new Example(1, 600, new Heads(1, 1, 32), "window", 300, DropoutKey.NONE),
                new Example(1, 128, new Heads(1, 1, 64), "none", 0, DropoutKey.NONE),
                new Example(1, 197, new Heads(1, 1, 64), "none", 0, DROPOUT),
                new Example(2, 150, new Heads(2, 1, 64), "causal padding", 0, DROPOUT),
                new Example(1, 200, new Heads(4, 2, 64), "window", 5, DropoutKey.NONE),
                new Example(2, 140, new Heads(2, 1, 128), "padding", 0, DROPOUT),
                new Example(1, 260, new Heads(1, 1, 128), "causal", 0, DropoutKey.NONE),
                new Example(1, 200, new Heads(1, 1, 128), "causal window", 70, DROPOUT),
                new Example(new Extents(1, 90, new Heads(1, 1, 64)), "none", 0, DropoutKey.NONE, 8));
    }

    static Stream<Example> shortExamples() {
        return examples().filter(x -> x.e.t < 140);
    }

    private static final class Values {
        final double[] y;
        final double[] lse;
        final double[] dqkv;

        Values(double[] y, double[] lse, double[] dqkv) {
            this.y = y;
            this.lse = lse;
            this.dqkv = dqkv;
        }
    }

    private static double bf16(double x) {
        return Bf16.round((float) x);
    }

    /** Every array that plain attention makes is rounded; sums are exact. */
    private static Values reference(Example x, DoubleUnaryOperator round) {
        Heads heads = x.e.heads;
        int t = x.e.t;
        int w = heads.width();
        double[] qkv = x.qkv();
        double[] dy = x.dy();
        var y = new double[dy.length];
        var lse = new double[x.e.b * heads.queries() * t];
        var dqkv = new double[qkv.length];
        double scale = 1 / Math.sqrt(w);
        for (int row = 0; row < lse.length; row++) {
            int b = row / t / heads.queries();
            int head = row / t % heads.queries();
            int i = row % t;
            int group = heads.queries() + head / (heads.queries() / heads.keyValues());
            int q = (b * t + i) * heads.fused() + head * w;
            int out = (b * t + i) * heads.inner() + head * w;
            var p = new double[t];
            for (int j = 0; j < t; j++) {
                int k = (b * t + j) * heads.fused() + group * w;
                p[j] = x.sees(b, i, j) ? round.applyAsDouble(dot(qkv, q, qkv, k, w) * scale) : Double.NEGATIVE_INFINITY;
            }
            lse[row] = AttentionTest.softmax(p);
            var dp = new double[t];
            double delta = 0;
            for (int j = 0; j < t; j++) {
                int v = (b * t + j) * heads.fused() + (group + heads.keyValues()) * w;
                double dropped = round.applyAsDouble(p[j]) * x.factor(row, j);
                dp[j] = round.applyAsDouble(dot(dy, out, qkv, v, w)) * x.factor(row, j);
                delta += p[j] * dp[j];
                for (int c = 0; c < w; c++) {
                    y[out + c] += dropped * qkv[v + c];
                    dqkv[v + c] += dropped * dy[out + c];
                }
            }
            for (int j = 0; j < t; j++) {
                int k = (b * t + j) * heads.fused() + group * w;
                double ds = round.applyAsDouble(p[j] * (dp[j] - delta)) * scale;
                for (int c = 0; c < w; c++) {
                    dqkv[q + c] += ds * qkv[k + c];
                    dqkv[k + c] += ds * qkv[q + c];
                }
            }
        }
        return new Values(
                Arrays.stream(y).map(round).toArray(),
                lse,
                Arrays.stream(dqkv).map(round).toArray());
    }

    private static double dot(double[] x, int from, double[] y, int at, int n) {
        double sum = 0;
        for (int c = 0; c < n; c++) {
            sum += x[from + c] * y[at + c];
        }
        return sum;
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("examples")
    void is_as_close_to_float64_as_plain_attention_in_bf16(Example x) {
        check(x, answer(x));
    }

    /** Such as slices have; they are another kernel's. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("shortExamples")
    void holds_at_addresses_that_are_not_aligned(Example x) {
        Values actual = run(x, false, 1);
        check(x, actual);
        if (x.e.t > 100) {
            assertThat(actual.dqkv).isNotEqualTo(answer(x).dqkv);
        }
    }

    private static void check(Example x, Values actual) {
        References references = REFERENCES.computeIfAbsent(x, References::of);
        Values exact = references.exact;
        Values plain = references.plain;
        check("y", exact.y, plain.y, actual.y, FORWARD);
        for (int i = 0; i < exact.lse.length; i++) {
            if (Double.isInfinite(exact.lse[i])) {
                assertThat(actual.lse[i]).as("lse of query %d", i).isEqualTo(exact.lse[i]);
            } else {
                assertThat(Math.abs(actual.lse[i] - exact.lse[i]))
                        .as("lse of query %d: %s, not %s", i, actual.lse[i], exact.lse[i])
                        .isLessThanOrEqualTo(SUMS * Math.max(1, Math.abs(exact.lse[i])));
            }
        }
        Heads heads = x.e.heads;
        int q = heads.queries() * heads.width();
        int kv = heads.keyValues() * heads.width();
        check("dq", part(exact, x, 0, q), part(plain, x, 0, q), part(actual, x, 0, q), BACKWARD);
        check("dk", part(exact, x, q, kv), part(plain, x, q, kv), part(actual, x, q, kv), BACKWARD);
        check("dv", part(exact, x, q + kv, kv), part(plain, x, q + kv, kv), part(actual, x, q + kv, kv), BACKWARD);
    }

    /** Columns of dqkv. */
    private static double[] part(Values values, Example x, int from, int columns) {
        return IntStream.range(0, x.e.b * x.e.t * columns)
                .mapToDouble(i -> values.dqkv[i / columns * x.e.heads.fused() + from + i % columns])
                .toArray();
    }

    private static void check(String what, double[] exact, double[] plain, double[] actual, double times) {
        double tolerance = 0;
        double largest = 0;
        for (int i = 0; i < exact.length; i++) {
            tolerance = Math.max(tolerance, times * Math.abs(plain[i] - exact[i]));
            largest = Math.max(largest, Math.abs(exact[i]));
        }
        tolerance += SUMS * Math.max(1, largest);
        for (int i = 0; i < exact.length; i++) {
            assertThat(Math.abs(actual[i] - exact[i]))
                    .as("%s, element %d: %s, not %s", what, i, actual[i], exact[i])
                    .isLessThanOrEqualTo(tolerance);
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("examples")
    void gradients_are_added_to_those_that_have_arrived(Example x) {
        double[] alone = answer(x).dqkv;
        double[] added = run(x, true, 0).dqkv;
        double[] earlier = x.earlier();
        for (int i = 0; i < added.length; i++) {
            // `added` is given without what was there before; both are rounded, at their own magnitudes
            double sizes = Math.abs(alone[i]) + Math.abs(alone[i] + earlier[i]);
            assertThat(added[i]).as("element %d", i).isCloseTo(alone[i], offset(sizes * 0x1p-8 + 1e-9));
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("examples")
    void gives_the_same_bits_twice(Example x) {
        Values first = answer(x);
        Values second = run(x, false, 0);
        assertThat(second.y).isEqualTo(first.y);
        assertThat(second.lse).isEqualTo(first.lse);
        assertThat(second.dqkv).isEqualTo(first.dqkv);
    }

    private Values answer(Example x) {
        return answers.computeIfAbsent(x, _ -> run(x, false, 0));
    }

    /** @param shift of every address, elements of bf16 from a multiple of 16 bytes */
    private Values run(Example x, boolean add, int shift) {
        return run(x, x.qkv(), add, shift);
    }

    private Values run(Example x, double[] qkv, boolean add, int shift) {
        Assumptions.assumeFalse(Boolean.getBoolean(OpContract.STOP));
        Extents e = x.e;
        Heads heads = e.heads;
        try (Backend backend = device.open(1);
                Scope scope = backend.memory().scope(x.toString())) {
            var in = new BandedTensor(backend, scope, "qkv", qkv, shift);
            var dy = new BandedTensor(backend, scope, "dy", x.dy(), shift);
            var y = new BandedTensor(backend, scope, "y", nans(x.dy().length), shift);
            var dqkv = new BandedTensor(backend, scope, "dqkv", add ? x.earlier() : nans(qkv.length), shift);
            Tensor lse = scope.tensor("lse", new Shape(e.b, heads.queries(), e.t), DType.F32);
            Tensor keep = x.mask.contains("padding") ? scope.tensor("keep", new Shape(e.b, e.t), DType.I32) : null;
            if (keep != null) {
                backend.set(keep, keptOf(x));
            }
            long causal = x.causal() ? 1 : 0;
            float scale = (float) (1 / Math.sqrt(heads.width()));
            DropoutKey d = x.dropout;
            backend.kernel(Attention.Forward.class)
                    .call(
                            in.tensor(),
                            keep,
                            y.tensor(),
                            lse,
                            e.b,
                            e.t,
                            heads.queries(),
                            heads.keyValues(),
                            heads.width(),
                            causal,
                            x.window,
                            scale,
                            d.rate(),
                            d.seed(),
                            d.offset());
            backend.kernel(Attention.Backward.class)
                    .call(
                            in.tensor(),
                            keep,
                            y.tensor(),
                            lse,
                            dy.tensor(),
                            dqkv.tensor(),
                            e.b,
                            e.t,
                            heads.queries(),
                            heads.keyValues(),
                            heads.width(),
                            causal,
                            x.window,
                            scale,
                            d.rate(),
                            d.seed(),
                            d.offset(),
                            add ? 1 : 0);
            double[] gradient = dqkv.values();
            double[] earlier = x.earlier();
            for (int i = 0; i < gradient.length && add; i++) {
                gradient[i] -= earlier[i];
            }
            assertThat(in.values()).as("qkv, which no kernel may change").isEqualTo(qkv);
            assertThat(dy.values()).as("dy, which no kernel may change").isEqualTo(x.dy());
            float[] statistics = backend.floats(lse);
            return new Values(
                    y.values(),
                    IntStream.range(0, statistics.length)
                            .mapToDouble(i -> statistics[i])
                            .toArray(),
                    gradient);
        }
    }

    private static double[] nans(int count) {
        return IntStream.range(0, count).mapToDouble(_ -> Double.NaN).toArray();
    }

    private static int[] keptOf(Example x) {
        return IntStream.range(0, x.e.b * x.e.t)
                .map(i -> x.kept(i / x.e.t, i % x.e.t) ? 1 : 0)
                .toArray();
    }
}
