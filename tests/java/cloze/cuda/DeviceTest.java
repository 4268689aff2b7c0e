package cloze.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.backend.MissingKernelException;
import cloze.op.Conv2d;
import cloze.op.Device;
import cloze.op.Gelu;
import cloze.op.HostCuda;
import cloze.op.MatMul;
import cloze.tensor.DType;
import cloze.tensor.OutOfMemoryException;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.train.MemoryEstimate;
import java.util.Arrays;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** The choice of a GPU, the messages of its errors, a full memory, and copies whose source changes afterwards. */
class DeviceTest {
    private static final int MEBI = 1 << 20;

    @AfterEach
    void restore() {
        HostCuda.memory(0);
        HostCuda.fail(0);
        HostCuda.answer("cuModuleGetFunction", 0);
    }

    private static Backend open(String device) {
        return Backends.open(device, BackendOptions.DEFAULT);
    }

    private static Tensor mebibytes(Scope scope, String name, int count) {
        return scope.tensor(name, new Shape(count, MEBI / 4), DType.F32);
    }

    @Test
    void a_number_chooses_the_gpu() {
        try (Backend backend = open("cuda:1")) {
            assertThat(backend.description()).startsWith("cuda: cuda on host (cuda:1 of 2), compute capability 8.0");
            assertThat(backend.capacity().words()).startsWith("cuda:1 (cuda on host) has ");
        }
    }

    @Test
    void a_gpu_that_there_is_not_is_an_error() {
        assertThatThrownBy(() -> open("cuda:7"))
                .isInstanceOf(BackendException.class)
                .hasMessage("there is no GPU 7, the driver finds cuda:0 to cuda:1");
        assertThatThrownBy(() -> open("cuda:first"))
                .hasMessage("device 'cuda:first': after the colon must be a number, as in cuda:1");
        assertThatThrownBy(() -> open("cpu:1")).hasMessage("there is one cpu, which is cpu or cpu:0, not cpu:1");
    }

    @Test
    void a_kernel_that_fails_is_told_with_what_was_launched() {
        String message = "waiting for the device on cuda:0 (cuda on host): CUDA_ERROR_LAUNCH_FAILED; 2 kernels "
                + "and copies were launched since it last answered, {gradients_add=2}; the last of them: "
                + "gradients_add(x = x [4, 75] f32, y = y [4, 75] f32, n = 300); "
                + "gradients_add(x = y [4, 75] f32, y = x [4, 75] f32, n = 300)";
        Backend backend = open("cuda");
        try (Scope scope = backend.memory().scope("test")) {
            Tensor x = scope.tensor("x", new Shape(4, 75), DType.F32);
            Tensor y = scope.tensor("y", new Shape(4, 75), DType.F32);
            backend.zero(x);
            backend.zero(y);
            backend.kernel(Gelu.Forward.class).call(x, y, 300, 1);
            backend.synchronize();
            HostCuda.fail(2);
            backend.kernel(Gradients.Add.class).call(x, y, 300);
            backend.kernel(Gradients.Add.class).call(y, x, 300);
            assertThatThrownBy(backend::synchronize)
                    .isInstanceOf(BackendException.class)
                    .hasMessage(message);
        }
        assertThatThrownBy(backend::close)
                .isInstanceOf(BackendException.class)
                .hasMessage(message)
                .satisfies(e -> assertThat(e.getSuppressed())
                        .extracting(Throwable::getMessage)
                        .containsExactly("CUDA_ERROR_LAUNCH_FAILED"));
    }

    @Test
    void a_kernel_that_fails_breaks_the_context_of_its_own_gpu_alone() {
        try (Backend other = open("cuda:1")) {
            Backend backend = open("cuda:0");
            try (Scope scope = backend.memory().scope("test")) {
                Tensor x = scope.tensor("x", new Shape(300), DType.F32);
                HostCuda.fail(1);
                backend.kernel(Gradients.Add.class).call(x, x, 300);
                assertThatThrownBy(backend::synchronize).hasMessageContaining("cuda:0 (cuda on host): CUDA_ERROR");
            }
            try (Scope scope = other.memory().scope("test")) {
                Tensor x = scope.tensor("x", new Shape(300), DType.F32);
                float[] twos = new float[300];
                Arrays.fill(twos, 2);
                other.set(x, twos);
                other.kernel(Gradients.Add.class).call(x, x, 300);
                assertThat(other.floats(x)).containsOnly(4);
            }
            assertThatThrownBy(backend::close).hasMessageContaining("cuda:0 (cuda on host): CUDA_ERROR");
            try (Scope scope = other.memory().scope("test")) {
                Tensor x = scope.tensor("x", new Shape(300), DType.F32);
                other.zero(x);
                assertThat(other.floats(x)).containsOnly(0);
            }
        }
    }

    @Test
    void a_kernel_that_does_not_load_is_told_from_one_that_there_is_not() {
        try (Backend backend = open("cuda")) {
            HostCuda.answer("cuModuleGetFunction", 2);
            assertThatThrownBy(() -> backend.kernel(Gelu.Forward.class))
                    .isInstanceOf(BackendException.class)
                    .hasMessage("kernel gelu_forward can not be loaded on cuda:0 (cuda on host): "
                            + "CUDA_ERROR_OUT_OF_MEMORY");
            HostCuda.answer("cuModuleGetFunction", 500);
            assertThatThrownBy(() -> backend.kernel(Gelu.Forward.class))
                    .isInstanceOf(MissingKernelException.class)
                    .hasMessageStartingWith("cuda: no kernel gelu_forward in ");
            HostCuda.answer("cuModuleGetFunction", 0);
            assertThat(backend.kernel(Gelu.Forward.class)).isNotNull();
        }
    }

    @Test
    void libraries_and_copies_are_among_what_was_launched() {
        var cuda = new Device("cuda", options -> Backends.open("cuda", options));
        Backend backend = HostCuda.withMatMul("cublasLt", HostCuda.cublasLt().toString(), cuda, BackendOptions.DEFAULT);
        String message = "";
        try (Scope scope = backend.memory().scope("test")) {
            Tensor x = scope.tensor("x", new Shape(4, 8), DType.F32);
            Tensor weight = scope.tensor("weight", new Shape(8, 8), DType.F32);
            Tensor y = scope.tensor("y", new Shape(4, 8), DType.F32);
            backend.kernel(MatMul.Forward.class).call(x, weight, null, y, null, 4, 8, 8, 0);
            backend.synchronize();
            HostCuda.fail(1);
            backend.zero(weight);
            backend.copy(x, y);
            backend.kernel(MatMul.Forward.class).call(x, weight, null, y, null, 4, 8, 8, 0);
            backend.kernel(Gradients.Add.class).call(x, y, 32);
            message = "CUDA_ERROR_LAUNCH_FAILED; 4 kernels and copies were launched since it last answered, {zero=1,"
                    + " copy=1,"
                    + String.format(
                            Locale.ROOT,
                            " mat_mul_forward by a library=1, gradients_add=1}; the last of them: zero of 256 bytes at 0x%x; copy",
                            weight.memory().address())
                    + String.format(
                            Locale.ROOT,
                            " of 128 bytes from 0x%x to 0x%x; mat_mul_forward [4, 8] x [8, 8] of f32 into f32, epilogue DEFAULT",
                            x.memory().address(),
                            y.memory().address())
                    + "; gradients_add(x = x [4, 8] f32, y = y [4, 8] f32, n = 32)";
            assertThatThrownBy(backend::synchronize).hasMessageEndingWith(message);
        }
        assertThatThrownBy(backend::close).hasMessageEndingWith(message);
    }

    @Test
    void a_convolution_of_more_groups_than_a_grid_has_blocks_is_an_error() {
        try (Backend backend = open("cuda");
                Scope scope = backend.memory().scope("test")) {
            Tensor x = scope.tensor("x", new Shape(1, 4, 4, 4096), DType.F32);
            Tensor weight = scope.tensor("weight", new Shape(4096, 1, 1, 1), DType.F32);
            Tensor dy = scope.tensor("dy", new Shape(1, 1, 1, 4096), DType.F32);
            var backward = backend.kernel(Conv2d.Backward.class);
            assertThatThrownBy(() ->
                            backward.call(x, weight, dy, x, null, null, 1, 4, 4, 4096, 4096, 1, 1, 4, 0, 1, 4096, 0))
                    .isInstanceOf(BackendException.class)
                    .hasMessage(
                            "Conv2d: groups x 16 matrix multiplications must be at most 65535, the blocks that a grid of CUDA "
                                    + "has along y, but groups is 4096");
        }
    }

    @Test
    void a_backend_whose_context_is_broken_frees_all_the_same() {
        HostCuda.memory(120 * MEBI);
        Backend backend = open("cuda");
        try (Scope scope = backend.memory().scope("test")) {
            Tensor x = mebibytes(scope, "x", 40);
            backend.set(mebibytes(scope, "y", 30), new float[30 * MEBI / 4]);
            HostCuda.fail(1);
            backend.kernel(Gradients.Add.class).call(x, x, 300);
        }
        assertThatThrownBy(backend::close).hasMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
        HostCuda.fail(0);
        try (Backend other = open("cuda");
                Scope scope = other.memory().scope("test")) {
            float[] ones = new float[80 * MEBI / 4];
            Arrays.fill(ones, 1);
            assertThat(other.floats(other.set(mebibytes(scope, "x", 80), ones))).isEqualTo(ones);
        }
    }

    @Test
    void a_backend_can_be_closed_twice() {
        Backend backend = open("cuda");
        backend.close();
        backend.close();
        HostCuda.fail(1);
        Backend broken = open("cuda");
        try (Scope scope = broken.memory().scope("test")) {
            Tensor x = scope.tensor("x", new Shape(300), DType.F32);
            broken.kernel(Gradients.Add.class).call(x, x, 300);
        }
        assertThatThrownBy(broken::close).hasMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
        broken.close();
    }

    /** Where between two calls a kernel fails is drawn. */
    @RepeatedTest(10)
    void uploads_into_a_broken_context_leave_nothing_behind() {
        int before = HostCuda.held();
        Backend backend = open("cuda");
        try (Scope scope = backend.memory().scope("test")) {
            Tensor x = scope.tensor("x", new Shape(300), DType.F32);
            backend.set(x, new float[300]);
            HostCuda.fail(1);
            backend.kernel(Gradients.Add.class).call(x, x, 300);
            assertThatThrownBy(() -> {
                        for (int i = 0; i < 20; i++) {
                            backend.set(x, new float[300]);
                        }
                    })
                    .hasMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
        }
        assertThatThrownBy(backend::close).hasMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
        assertThat(HostCuda.held()).isEqualTo(before);
    }

    @Test
    void what_is_kept_for_reuse_is_freed_when_memory_is_full() {
        HostCuda.memory(120 * MEBI);
        try (Backend backend = open("cuda");
                Scope scope = backend.memory().scope("test")) {
            scope.release(mebibytes(scope, "for a while", 70));
            Tensor other = mebibytes(scope, "other", 80);
            assertThatThrownBy(() -> mebibytes(scope, "too much", 60))
                    .isInstanceOf(OutOfMemoryException.class)
                    .hasMessageStartingWith("too much needs 60.0 MiB more, but 80.0 MiB are mapped and the device has "
                            + "no memory left: cuda:0 (cuda on host) has ")
                    .hasMessageContaining("in use: 'test' 80.0 MiB; kept for reuse: 0.0 MiB");
            assertThat(other.memory().address()).isNotZero();
            var estimate = new MemoryEstimate(20 << 20, 20 << 20, 40 << 20, 0, 100L << 20);
            assertThatThrownBy(() -> estimate.require(backend))
                    .isInstanceOf(OutOfMemoryException.class)
                    .hasMessageContaining("but cuda:0 (cuda on host) has 0.12 GiB for tensors: of 0.12 GiB, ")
                    .hasMessageEndingWith("lower the batch size and raise the number of micro-batches");
        }
    }

    @Test
    void a_host_array_can_be_used_again_when_it_has_been_uploaded() {
        try (Backend backend = open("cuda");
                Scope scope = backend.memory().scope("test")) {
            var values = new float[5 * MEBI]; // 20 MiB: more than one buffer
            Tensor x = scope.tensor("x", new Shape(values.length), DType.F32);
            Tensor y = scope.tensor("y", new Shape(values.length), DType.F32);
            for (int round = 1; round < 5; round++) {
                Arrays.fill(values, round);
                backend.set(x, values);
                Arrays.fill(values, Float.NaN);
                backend.copy(x, y);
            }
            float[] expected = new float[values.length];
            Arrays.fill(expected, 4);
            assertThat(Arrays.equals(backend.floats(y), expected)).isTrue();
        }
    }
}
