package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Precision;
import cloze.op.Conv2d.Window;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What of convolutions goes to cuDNN and what to own kernels, by what its stand-in was asked for. */
class CudnnTest {
    private static final String GRAPHS = "cloze.cuda.graphs";

    /** Convolutions of the chain. */
    private static final int CHAIN = 3;

    private long before;

    @BeforeEach
    void count() {
        Assumptions.assumeTrue(HostCuda.isThere(), "only the stand-in counts, and fails when it is told to");
        before = HostCuda.convolutions();
    }

    @AfterEach
    void restore() {
        System.clearProperty(GRAPHS);
        HostCuda.algorithms(-1);
        HostCuda.workspace(4);
    }

    private long asked() {
        return HostCuda.convolutions() - before;
    }

    private static Backend open(Precision precision) {
        return Device.cudnn().getFirst().open(BackendOptions.DEFAULT.withPrecision(precision));
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void all_are_made_by_the_library_but_gradients_of_weights_in_bf16(Precision precision) {
        try (Backend backend = open(precision)) {
            chain(backend, 1);
        }
        long each = precision == Precision.BF16 ? 2 : 3;
        assertThat(asked()).isEqualTo(each * CHAIN);
    }

    /** What it then advises beside is Winograd's, or gives other bits each time. */
    @Test
    void without_a_direct_deterministic_algorithm_an_own_kernel_is_taken() {
        List<Float> usual;
        List<Float> rest;
        try (Backend backend = open(Precision.FP32)) {
            usual = chain(backend, 1);
        }
        before = HostCuda.convolutions();
        try (Backend backend = open(Precision.FP32)) {
            HostCuda.algorithms(~0b10); // of y there is another, number 0
            rest = chain(backend, 1);
        }
        assertThat(asked()).isEqualTo(CHAIN);
        assertClose(rest, usual);
    }

    @Test
    void an_algorithm_that_wants_more_than_256_mebibytes_is_not_taken() {
        try (Backend backend = open(Precision.FP32)) {
            HostCuda.workspace((256 << 10) + 1);
            assertThat(chain(backend, 1)).doesNotContain(Float.NaN);
        }
        assertThat(asked()).isZero();
    }

    private static void assertClose(List<Float> actual, List<Float> expected) {
        double largest = expected.stream().mapToDouble(Math::abs).max().orElseThrow();
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.size(); i++) {
            assertThat((double) Math.abs(actual.get(i) - expected.get(i))).isLessThan(1e-5 * largest);
        }
    }

    @Test
    void an_error_names_the_function_the_convolution_and_the_status() {
        try (Backend backend = open(Precision.FP32);
                Scope scope = backend.memory().scope("test")) {
            Tensor x = backend.set(scope.tensor("x", new Shape(1, 2, 1, 1), DType.F32), 1f, 2f);
            Tensor weight = backend.set(scope.tensor("conv.weight", new Shape(1, 1, 1, 1), DType.F32), 3f);
            Conv2d op = new Conv2d(x, weight, null, Window.ONE);
            Tape tape = Tape.inference(backend, scope);
            HostCuda.failCudnn(4000);
            assertThatThrownBy(() -> tape.apply(op))
                    .isInstanceOf(BackendException.class)
                    .hasMessage("cudnnConvolutionForward for conv2d_forward of x [1, 2, 1, 1], weight [1, 1, 1, 1] and "
                            + "y [1, 2, 1, 1] in f32, Window[stride=1, padding=0, dilation=1, groups=1]: "
                            + "CUDNN_STATUS_INTERNAL_ERROR (4000)");
            assertThat(backend.floats(tape.apply(op))).containsExactly(3, 6);
        }
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void graphs_have_the_bits_of_plain_launches(Precision precision) {
        long launched = HostCuda.graphLaunches();
        List<Float> plain = chain("off", precision);
        assertThat(HostCuda.graphLaunches()).isEqualTo(launched);
        assertThat(chain("on", precision)).isEqualTo(plain).doesNotContain(Float.NaN);
        assertThat(HostCuda.graphLaunches()).isGreaterThan(launched + 1);
    }

    private static List<Float> chain(String graphs, Precision precision) {
        System.setProperty(GRAPHS, graphs);
        try (Backend backend = open(precision)) {
            return chain(backend, 6);
        }
    }

    /** Some convolutions one after another, and their gradients, so many times: all gradients. */
    private static List<Float> chain(Backend backend, int times) {
        DType dtype = backend.precision() == Precision.BF16 ? DType.BF16 : DType.F32;
        var random = new SplittableRandom(2);
        var gradients = new ArrayList<Float>();
        try (Scope all = backend.memory().scope("all")) {
            Tensor x = normal(backend, all, "x", random, dtype, 2, 6, 5, 4);
            Tensor weight = normal(backend, all, "weight", random, dtype, 4, 3, 3, 4);
            Tensor bias = normal(backend, all, "bias", random, DType.F32, 4);
            Tensor seed = normal(backend, all, "seed", random, dtype, 2, 6, 5, 4);
            for (int time = 0; time < times; time++) {
                try (Backend.Repeated _ = backend.repeated("chain");
                        Scope scope = backend.memory().scope("once")) {
                    Tape tape = Tape.recording(backend, scope, 0, 0);
                    Tensor y = x;
                    for (int i = 0; i < CHAIN; i++) {
                        y = tape.apply(new Conv2d(y, weight, bias, Window.of(1, 1)));
                    }
                    var arrived = new Gradients(backend, scope, null);
                    tape.backward(y, seed, arrived);
                    for (Tensor input : List.of(x, weight, bias)) {
                        for (float value : backend.floats(arrived.of(input))) {
                            gradients.add(value);
                        }
                    }
                }
            }
        }
        return gradients;
    }

    private static Tensor normal(
            Backend backend, Scope scope, String name, SplittableRandom random, DType dtype, int... extents) {
        Array64 values = Array64.normal(random, extents);
        Tensor tensor = scope.tensor(name, values.shape(), dtype, true);
        return dtype == DType.BF16 ? Bf16.set(backend, tensor, values) : backend.set(tensor, values.floats());
    }
}
