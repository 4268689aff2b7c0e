package cloze.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.op.Device;
import cloze.op.Gelu;
import cloze.op.HostCuda;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A backend gives back all that it has taken from the driver, also one that can not be made. */
class PartsTest {
    private static final int OUT_OF_MEMORY = 2;

    private final List<String> answered = new ArrayList<>();
    private int before;

    @BeforeEach
    void count() {
        before = HostCuda.held();
    }

    @AfterEach
    void restore() {
        answered.forEach(function -> HostCuda.answer(function, 0));
    }

    private void answer(String function, int result) {
        answered.add(function);
        HostCuda.answer(function, result);
    }

    private static Backend open() {
        var cuda = new Device("cuda", options -> Backends.open("cuda", options));
        return HostCuda.withMatMul("cublasLt", HostCuda.cublasLt().toString(), cuda, BackendOptions.DEFAULT);
    }

    @Test
    void nothing_is_left_of_a_backend_without_a_second_stream() {
        answer("cuStreamCreate beside " + (before + 2), OUT_OF_MEMORY);
        assertThatThrownBy(PartsTest::open)
                .isInstanceOf(BackendException.class)
                .hasMessage("the NVIDIA driver answers CUDA_ERROR_OUT_OF_MEMORY");
        assertThat(HostCuda.held()).isEqualTo(before);
    }

    @Test
    void nothing_is_left_of_a_backend_whose_library_does_not_work() {
        answer("cublasLtCreate", 3);
        assertThatThrownBy(PartsTest::open)
                .isInstanceOf(BackendException.class)
                .hasMessageContaining("cublasLtCreate for context: CUBLAS_STATUS_ALLOC_FAILED (3)");
        assertThat(HostCuda.held()).isEqualTo(before);
    }

    @Test
    void nothing_is_left_of_a_backend_that_has_been_used() {
        try (Backend backend = open();
                Scope scope = backend.memory().scope("test")) {
            Tensor x = scope.tensor("x", new Shape(4, 75), DType.F32);
            backend.set(x, new float[300]);
            backend.kernel(Gelu.Forward.class).call(x, x, 300, 1);
            assertThat(backend.floats(x)).containsOnly(0);
            assertThat(HostCuda.held()).isGreaterThan(before + 2);
        }
        assertThat(HostCuda.held()).isEqualTo(before);
    }

    @Test
    void parts_are_freed_the_other_way_round_and_the_first_failure_is_told() {
        List<String> freed = new ArrayList<>();
        var parts = new Parts();
        parts.add("first", freed::add);
        parts.add("second", part -> {
            throw new IllegalStateException(part);
        });
        parts.add("third", freed::add);
        var why = new BackendException("the fourth can not be made");
        parts.free(new Teardown(why));
        assertThat(freed).containsExactly("third", "first");
        assertThat(why.getSuppressed()).extracting(Throwable::getMessage).containsExactly("second");
    }
}
