package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Precision;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * The contract of a layer of LSTM, made by cuDNN; on the host by a stand-in that checks what it is given and keeps weights
 * and what backward needs in a form of its own.
 */
class LstmCudnnTest extends LstmTest {
    private static final String GRAPHS = "cloze.cuda.graphs";

    private GuardedBackend.Band band = GuardedBackend.Band.ALIGNED;

    static List<Device> devices() {
        return Device.cudnn();
    }

    /** Other addresses are not for cuDNN. */
    @Override
    GuardedBackend.Band band() {
        return band;
    }

    @Test
    void says_which_library_it_took_and_why() {
        try (Backend backend = device.open(1)) {
            assertThat(backend.description())
                    .containsPattern("LSTM in f32 by cuDNN 9\\.\\d+\\.\\d+ \\(.*libcudnn.so.9, ")
                    .contains("asked for by cloze.cuda.lstm; ")
                    .contains(
                            ":4096:2".equals(System.getenv("CUBLAS_WORKSPACE_CONFIG"))
                                    ? "CUBLAS_WORKSPACE_CONFIG is :4096:2)"
                                    : "it may give different bits each time, since CUBLAS_WORKSPACE_CONFIG is not :16:8 or"
                                            + " :4096:2)");
        }
    }

    /** How many calls cuDNN is asked for. */
    private long asked(Runnable test) {
        Assumptions.assumeTrue(HostCuda.isThere(), "only the stand-in counts");
        forgetAnswers();
        long before = HostCuda.layers();
        test.run();
        return HostCuda.layers() - before;
    }

    private Case usual() {
        return all().stream()
                .filter(c -> c.toString().startsWith("[2, 3, 4, 5]"))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void forward_is_one_call_and_backward_two() {
        assertThat(asked(() -> forward_matches_float64(usual()))).isEqualTo(1 + 3); // without gradients and with
        assertThat(asked(() -> gradients_match_central_differences_of_float64(usual())))
                .isEqualTo(1 + 2);
    }

    @Test
    void unaligned_addresses_go_to_own_kernels() {
        band = GuardedBackend.Band.ODD;
        try {
            assertThat(asked(() -> gradients_match_central_differences_of_float64(usual())))
                    .isZero();
        } finally {
            band = GuardedBackend.Band.ALIGNED;
        }
    }

    @Test
    void bf16_and_too_much_workspace_go_to_own_kernels() {
        assertThat(asked(() -> steps(Precision.BF16, 1))).isZero();
        assertThat(asked(() -> {
                    try (Backend backend = device.open(BackendOptions.DEFAULT)) {
                        HostCuda.workspace((256 << 10) + 1);
                        assertThat(steps(backend, 1)).doesNotContain(Float.NaN);
                    }
                }))
                .isZero();
    }

    @Test
    void an_error_names_the_function_the_layer_and_the_status() {
        Assumptions.assumeTrue(HostCuda.isThere(), "only the stand-in fails when it is told to");
        try (Backend backend = device.open(BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("test")) {
            Tensor x = backend.set(scope.tensor("x", new Shape(1, 2, 1), DType.F32), 1f, 2f);
            Tensor h = backend.set(scope.tensor("h", new Shape(1, 1), DType.F32), 0f);
            Tensor weight = backend.set(scope.tensor("weight", new Shape(4, 1), DType.F32), 1f, 2f, 3f, 4f);
            var op = new Lstm(x, h, h, weight, weight, null);
            HostCuda.failCudnn(4000);
            assertThatThrownBy(() -> Tape.inference(backend, scope).apply(op))
                    .isInstanceOf(BackendException.class)
                    .hasMessage("cudnnRNNForward for forward lstm of x [1, 2, 1] and h [1, 1] in f32, without bias: "
                            + "CUDNN_STATUS_INTERNAL_ERROR (4000)");
        }
    }

    @Test
    void graphs_have_the_bits_of_plain_launches() {
        Assumptions.assumeTrue(HostCuda.isThere(), "only the stand-in counts");
        System.setProperty(GRAPHS, "off");
        try {
            List<Float> plain = steps(Precision.FP32, 6);
            System.setProperty(GRAPHS, "on");
            long launched = HostCuda.graphLaunches();
            assertThat(steps(Precision.FP32, 6)).isEqualTo(plain).doesNotContain(Float.NaN);
            assertThat(HostCuda.graphLaunches()).isGreaterThan(launched + 1);
        } finally {
            System.clearProperty(GRAPHS);
        }
    }

    private List<Float> steps(Precision precision, int times) {
        try (Backend backend = device.open(BackendOptions.DEFAULT.withPrecision(precision))) {
            return steps(backend, times);
        }
    }

    /** Two layers of the same weights, one on the other, and their gradients, so many times: all gradients. */
    private static List<Float> steps(Backend backend, int times) {
        DType dtype = backend.precision() == Precision.BF16 ? DType.BF16 : DType.F32;
        var random = new SplittableRandom(2);
        var gradients = new ArrayList<Float>();
        try (Scope all = backend.memory().scope("all")) {
            Tensor x = normal(backend, all, "x", random, dtype, 2, 5, 8);
            Tensor state = normal(backend, all, "state", random, dtype, 2, 8);
            Tensor weight = normal(backend, all, "weight", random, dtype, 32, 8);
            Tensor bias = normal(backend, all, "bias", random, DType.F32, 32);
            Tensor seed = normal(backend, all, "seed", random, dtype, 2, 5, 8);
            for (int time = 0; time < times; time++) {
                try (Backend.Repeated _ = backend.repeated("layers");
                        Scope scope = backend.memory().scope("once")) {
                    Tape tape = Tape.recording(backend, scope, 0, 0);
                    Tensor y = tape.apply(new Lstm(x, state, state, weight, weight, bias));
                    Tensor z = tape.apply(new Lstm(y, state, state, weight, weight, bias));
                    var arrived = new Gradients(backend, scope, null);
                    tape.backward(z, seed, arrived);
                    for (Tensor input : List.of(x, state, weight, bias)) {
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
