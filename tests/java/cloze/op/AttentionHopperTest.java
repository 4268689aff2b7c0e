package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Attention by warpgroups: errors are at most twice (results) or three times (gradients) those of a naive computation in
 * bf16, both against float64; and the same bits come out whatever order threads run in.
 */
class AttentionHopperTest {
    private static final DropoutKey DROPOUT = new DropoutKey(0.2f, 0x5eed_0000_0001L, 0x3_0000_0009L);

    /** Where a naive computation happens to be exact: a unit in the last place of what sums in f32 leave. */
    private static final double LEAST = 1e-5;

    private static final String CHOICE = "cloze.cuda.attention";

    record Extents(int b, int t, Heads heads) {}

    private record Errors(double own, double naive) {
        static Errors of(double[] exact, double[] naive, float[] own, Array64 earlier) {
            double error = 0;
            double naiveError = 0;
            for (int i = 0; i < exact.length; i++) {
                double expected = exact[i] + earlier.at(i);
                double difference = Math.abs(own[i] - expected);
                error = Math.max(error, Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference);
                naiveError = Math.max(naiveError, Math.abs(Bf16.round((float) (naive[i] + earlier.at(i))) - expected));
            }
            return new Errors(error, naiveError);
        }
    }

    private record Results(List<Float> y, List<Float> lse, List<Float> dqkv) {}

    /** A problem with its references, which are computed once for all devices. */
    record Case(
            NaiveAttention.Problem problem, NaiveAttention exact, NaiveAttention naive, Map<Boolean, Results> seen) {
        static Case of(Extents e, String mask, DropoutKey dropout) {
            var random = new SplittableRandom(1);
            Array64 qkv = normal(random, e.b, e.t, e.heads.fused());
            Array64 dy = normal(random, e.b, e.t, e.heads.inner());
            // sample 0 starts with padding, so that under a causal mask its first query sees no key
            Array64 keep = Array64.ints(i -> i % e.t != 0 && random.nextInt(3) > 0 ? 1 : 0, e.b, e.t);
            var problem = new NaiveAttention.Problem(e.b, e.t, e.heads, mask, dropout, qkv, keep, dy);
            return new Case(
                    problem,
                    new NaiveAttention(problem, DoubleUnaryOperator.identity()),
                    new NaiveAttention(problem, Bf16::nearest),
                    new ConcurrentHashMap<>());
        }

        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "%s b=%d t=%d %s rate %s",
                    problem.mask(),
                    problem.b(),
                    problem.t(),
                    problem.heads(),
                    problem.dropout().rate());
        }
    }

    private static Array64 normal(SplittableRandom random, int... extents) {
        return Array64.zeros(extents).map(_ -> Bf16.round((float) random.nextGaussian()));
    }

    /** For tools that make kernels slow: one query, all masks together, and tiles enough to turn the ring of each width around. */
    private static Stream<Case> few() {
        return Stream.of(
                Case.of(new Extents(1, 1, new Heads(1, 1, 64)), "none", DropoutKey.NONE),
                Case.of(new Extents(2, 130, new Heads(2, 1, 64)), "causal padding", DROPOUT),
                Case.of(new Extents(1, 300, new Heads(1, 1, 64)), "causal", DROPOUT),
                Case.of(new Extents(1, 270, new Heads(1, 1, 128)), "causal", DropoutKey.NONE));
    }

    /** Queries and keys that fill a tile, do not, or more than one; groups of heads; all masks. */
    private static Stream<Case> more() {
        return Stream.of(
                Case.of(new Extents(1, 130, new Heads(2, 1, 64)), "none", DropoutKey.NONE),
                Case.of(new Extents(2, 70, new Heads(2, 2, 64)), "causal", DropoutKey.NONE),
                Case.of(new Extents(1, 300, new Heads(1, 1, 64)), "window", DropoutKey.NONE),
                Case.of(new Extents(1, 128, new Heads(1, 1, 128)), "none", DropoutKey.NONE),
                Case.of(new Extents(2, 140, new Heads(2, 1, 128)), "padding", DROPOUT),
                Case.of(new Extents(1, 150, new Heads(1, 1, 128)), "causal window", DROPOUT));
    }

    private static final List<Case> CASES =
            (Boolean.getBoolean(OpContract.SMALL) ? few() : Stream.concat(few(), more())).toList();

    static Stream<Arguments> cases() {
        return Device.hopper().stream().flatMap(device -> CASES.stream().map(c -> Arguments.of(c, device)));
    }

    static List<Device> devices() {
        return Device.hopper();
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("cases")
    void is_as_close_to_float64_as_a_naive_computation_in_bf16(Case c, Device device) {
        Array64 none = Array64.zeros(c.problem.qkv().shape().extents());
        Results results = results(c, device, none, false);
        check("y", 2, Errors.of(c.exact.y, c.naive.y, floats(results.y), none));
        check("dqkv", 3, Errors.of(c.exact.dqkv, c.naive.dqkv, floats(results.dqkv), none));
        for (int i = 0; i < c.exact.lse.length; i++) {
            double expected = c.exact.lse[i];
            assertThat((double) results.lse.get(i))
                    .as("lse %d", i)
                    .satisfiesAnyOf(
                            actual -> assertThat(actual).isEqualTo(expected),
                            actual -> assertThat(Math.abs(actual - expected)).isLessThan(LEAST));
        }
        assertThat(c.seen.computeIfAbsent(false, _ -> results))
                .as("of another order")
                .isEqualTo(results);
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("cases")
    void gradients_are_added_to_those_that_have_arrived(Case c, Device device) {
        Array64 earlier =
                normal(new SplittableRandom(2), c.problem.qkv().shape().extents());
        Results results = results(c, device, earlier, true);
        check("dqkv", 3, Errors.of(c.exact.dqkv, c.naive.dqkv, floats(results.dqkv), earlier));
        assertThat(c.seen.computeIfAbsent(true, _ -> results))
                .as("of another order")
                .isEqualTo(results);
    }

    private static void check(String what, double times, Errors errors) {
        assertThat(errors.own)
                .as("error of %s, where a naive computation is off by %s", what, errors.naive)
                .isLessThanOrEqualTo(times * errors.naive + LEAST);
    }

    private static float[] floats(List<Float> values) {
        var floats = new float[values.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = values.get(i);
        }
        return floats;
    }

    private static List<Float> list(float[] values) {
        var list = new Float[values.length];
        for (int i = 0; i < list.length; i++) {
            list[i] = values[i];
        }
        return List.of(list);
    }

    private static Results results(Case c, Device device, Array64 earlier, boolean accumulate) {
        Assumptions.assumeFalse(Boolean.getBoolean(OpContract.STOP));
        NaiveAttention.Problem p = c.problem;
        try (Backend backend = device.open(1);
                Scope scope = backend.memory().scope(c.toString())) {
            Tensor qkv = Bf16.tensor(backend, scope, "qkv", p.qkv());
            Tensor keep = backend.set(
                    scope.tensor("keep", p.keep().shape(), DType.I32), p.keep().intValues());
            Tensor y = scope.tensor("y", p.dy().shape(), DType.BF16);
            Tensor lse = forward(backend, scope, p, qkv, keep, y);
            checkThatRan(backend, "attention_hopper_forward_" + p.heads().width());
            Tensor dqkv = Bf16.tensor(backend, scope, "dqkv", earlier);
            backward(backend, scope, p, qkv, keep, y, lse, dqkv, accumulate);
            checkThatRan(backend, "attention_hopper_backward_keys_" + p.heads().width());
            assertThat(backend.floats(qkv))
                    .as("qkv, which no kernel may change")
                    .isEqualTo(p.qkv().floats());
            return new Results(list(backend.floats(y)), list(backend.floats(lse)), list(backend.floats(dqkv)));
        }
    }

    /** The stand-in tells which kernel ran; a GPU's description, which is taken. */
    private static void checkThatRan(Backend backend, String kernel) {
        if (HostCuda.isThere()) {
            assertThat(HostCuda.lastKernel()).startsWith(kernel);
        } else {
            assertThat(backend.description()).contains("attention by wgmma and TMA");
        }
    }

    private static Tensor forward(
            Backend backend, Scope scope, NaiveAttention.Problem p, Tensor qkv, Tensor keep, Tensor y) {
        var attention = new Attention(qkv, p.heads(), p.mask(keep), p.dropout());
        Tensor lse = scope.tensor("lse", attention.results(backend, true).get(1).shape(), DType.F32);
        attention.forward(backend, List.of(y, lse), true);
        return lse;
    }

    private static void backward(
            Backend backend,
            Scope scope,
            NaiveAttention.Problem p,
            Tensor qkv,
            Tensor keep,
            Tensor y,
            Tensor lse,
            Tensor dqkv,
            boolean accumulate) {
        AttentionMask mask = p.mask(keep);
        backend.kernel(Attention.Backward.class)
                .call(
                        qkv,
                        mask.keep(),
                        y,
                        lse,
                        Bf16.tensor(backend, scope, "dy", p.dy()),
                        dqkv,
                        p.b(),
                        p.t(),
                        p.heads().queries(),
                        p.heads().keyValues(),
                        p.heads().width(),
                        mask.causal() ? 1 : 0,
                        mask.window(),
                        (float) (1 / Math.sqrt(p.heads().width())),
                        p.dropout().rate(),
                        p.dropout().seed(),
                        p.dropout().offset(),
                        accumulate ? 1 : 0);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("devices")
    void says_that_it_is_taken(Device device) {
        try (Backend backend = device.open(1)) {
            assertThat(backend.description())
                    .contains("attention by wgmma and TMA in bf16 for heads of 64 or 128 columns");
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("devices")
    void the_kernels_for_every_gpu_can_be_asked_for(Device device) {
        System.setProperty(CHOICE, "any");
        try (Backend backend = device.open(1)) {
            assertThat(backend.description()).contains("attention for every GPU (cloze.cuda.attention=any)");
        } finally {
            System.clearProperty(CHOICE);
        }
    }

    @Test
    void what_is_asked_for_and_can_not_be_is_an_error() {
        Assumptions.assumeTrue(HostCuda.isThere(), "the stand-in alone is of another compute capability if asked");
        Device device = Device.all().getLast();
        try {
            System.setProperty(CHOICE, "hopper");
            assertThatThrownBy(() -> device.open(1))
                    .isInstanceOf(BackendException.class)
                    .hasMessage("cloze.cuda.attention=hopper, but wgmma and TMA need compute capability 9.0, not 8.0");
            System.setProperty(CHOICE, "fastest");
            assertThatThrownBy(() -> device.open(1))
                    .hasMessage("cloze.cuda.attention must be hopper or any, but it is fastest");
        } finally {
            System.clearProperty(CHOICE);
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("devices")
    void leaves_what_does_not_fit_to_other_kernels(Device device) {
        Assumptions.assumeTrue(HostCuda.isThere(), "the stand-in alone tells which kernel ran");
        var random = new SplittableRandom(1);
        try (Backend backend = device.open(1);
                Scope scope = backend.memory().scope("test")) {
            Array64 narrow = normal(random, 1, 2, Heads.of(1, 32).fused());
            assertThat(kernelOf(backend, scope, Bf16.tensor(backend, scope, "qkv", narrow), 32))
                    .isEqualTo("attention_mma_forward_32_bf16");
            Array64 fitting = normal(random, 1, 2, Heads.of(1, 64).fused());
            assertThat(kernelOf(backend, scope, Bf16.behind(backend, scope, "qkv", fitting, 1), 64))
                    .isEqualTo("attention_forward_bf16");
            assertThat(kernelOf(backend, scope, Bf16.behind(backend, scope, "qkv", fitting, 8), 64))
                    .isEqualTo("attention_hopper_forward_64_bf16");
            Tensor single = backend.set(scope.tensor("qkv", fitting.shape(), DType.F32), fitting.floats());
            assertThat(kernelOf(backend, scope, single, 64)).isEqualTo("attention_forward");
        }
    }

    private static String kernelOf(Backend backend, Scope scope, Tensor qkv, int width) {
        var attention = new Attention(qkv, Heads.of(1, width), new AttentionMask.None());
        List<Tensor> results = attention.results(backend, true).stream()
                .map(result -> scope.tensor(result.name(), result.shape(), result.dtype()))
                .toList();
        attention.forward(backend, results, true);
        backend.synchronize();
        return HostCuda.lastKernel();
    }
}
