package cloze.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.MissingKernelException;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CpuBackendTest {
    interface Absent {
        void call(Tensor x, long n);
    }

    private final Backend backend = new CpuBackendProvider().open(BackendOptions.DEFAULT.withThreads(2));

    @AfterEach
    void close() {
        backend.close();
    }

    @Test
    void describes_what_was_chosen() {
        assertThat(backend.description())
                .startsWith("cpu: ")
                .contains(String.format(Locale.ROOT, ", %s kernels, 2 threads", CpuBackendProvider.level()));
    }

    @Test
    void values_survive_the_way_in_and_out() {
        try (Scope scope = backend.memory().scope("test")) {
            Tensor x = backend.set(scope.tensor("x", new Shape(2, 3), DType.F32), 1f, 2, 3, 4, 5, 6);
            Tensor y = scope.tensor("y", new Shape(2, 3), DType.F32);
            backend.copy(x, y);
            backend.zero(x);
            assertThat(backend.floats(x)).containsOnly(0);
            assertThat(backend.floats(y)).containsExactly(1, 2, 3, 4, 5, 6);
            Tensor ids = backend.set(scope.tensor("ids", new Shape(2), DType.I32), 7, -8);
            assertThat(backend.ints(ids)).containsExactly(7, -8);
        }
    }

    @Test
    void a_copy_touches_no_byte_past_the_tensor() {
        try (Scope scope = backend.memory().scope("test")) {
            Tensor flat = backend.set(scope.tensor("flat", new Shape(4), DType.F32), 1f, 2, 3, 4);
            Tensor middle = scope.slice(flat, 1, "middle", new Shape(2), false);
            backend.zero(middle);
            assertThat(backend.floats(flat)).containsExactly(1, 0, 0, 4);
            backend.upload(MemorySegment.ofArray(new float[] {5, 6, 7, 8}), middle);
            assertThat(backend.floats(flat)).containsExactly(1, 5, 6, 4);
        }
    }

    @Test
    void a_wrong_number_of_values_is_rejected() {
        try (Scope scope = backend.memory().scope("test")) {
            Tensor x = scope.tensor("x", new Shape(2, 3), DType.F32);
            assertThatThrownBy(() -> backend.set(x, 1f, 2f)).hasMessage("2 values for x [2, 3] f32");
            assertThatThrownBy(() -> backend.scalar(x)).hasMessage("1 values for x [2, 3] f32");
            Tensor half = scope.tensor("half", new Shape(2), DType.BF16);
            assertThatThrownBy(() -> backend.set(half, 1f, 2f))
                    .hasMessage("floats are written to f32, not half [2] bf16");
        }
    }

    @Test
    void a_kernel_that_is_not_there_says_where() {
        assertThatThrownBy(() -> backend.kernel(Absent.class))
                .isInstanceOf(MissingKernelException.class)
                .hasMessageStartingWith("cpu: no kernel cpu_backend_test_absent in ")
                .hasMessageContaining("libcloze_" + CpuBackendProvider.level());
    }

    @Test
    void an_instruction_set_that_the_machine_lacks_is_refused() {
        for (CpuLevel level : CpuLevel.values()) {
            if (level.compareTo(CpuBackendProvider.level()) > 0) {
                assertThatThrownBy(() -> CpuBackendProvider.open(level, BackendOptions.DEFAULT))
                        .isInstanceOf(BackendException.class)
                        .hasMessage(String.format(
                                Locale.ROOT, "this machine has no %s, only %s", level, CpuBackendProvider.level()));
            }
        }
    }

    @Test
    void a_scope_that_is_still_open_is_reported_when_the_backend_closes() {
        Backend leaky = new CpuBackendProvider().open(BackendOptions.DEFAULT);
        leaky.memory().scope("forgotten").tensor("x", new Shape(1 << 18), DType.F32);
        assertThatThrownBy(leaky::close).hasMessage("closed with open scopes: 'forgotten' 1.0 MiB");
    }

    @Test
    void values_of_another_type_are_refused() {
        try (Scope scope = backend.memory().scope("test")) {
            Tensor x = scope.tensor("x", new Shape(2), DType.F32);
            Tensor ids = scope.tensor("ids", new Shape(2), DType.I32);
            assertThatThrownBy(() -> backend.set(x, 1, 2)).hasMessage("ints are written to i32, not x [2] f32");
            assertThatThrownBy(() -> backend.set(ids, 1f, 2f)).hasMessage("floats are written to f32, not ids [2] i32");
            assertThatThrownBy(() -> backend.floats(ids))
                    .hasMessage("floats are read from f32 or bf16, not from ids [2] i32");
            assertThatThrownBy(() -> backend.ints(x)).hasMessage("ints are read from i32, not x [2] f32");
            assertThatThrownBy(() -> backend.copy(x, ids)).hasMessage("x [2] f32 can not be copied to ids [2] i32");
        }
    }
}
