package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The contract of matrix multiplication by cuBLASLt; on the host by a stand-in that checks what it is given. */
class CublasLtTest extends MatMulTest {
    static List<Device> devices() {
        return Device.cublasLt();
    }

    @Test
    void says_which_library_it_took_and_why() {
        try (Backend backend = device.open(1)) {
            assertThat(backend.description())
                    .containsPattern("matrix multiplication by cuBLASLt \\d+\\.\\d+\\.\\d+ \\(.*libcublasLt.so.1[23], ")
                    .contains("asked for by cloze.cuda.matmul");
        }
    }

    @Test
    void a_product_without_an_algorithm_names_the_status_the_op_and_the_shapes() {
        Assumptions.assumeTrue(HostCuda.isThere(), "only the stand-in lacks algorithms when it is told to");
        try (Backend backend = device.open(1);
                Scope scope = backend.memory().scope("test")) {
            Tensor x = backend.set(scope.tensor("x", new Shape(1, 2), DType.F32), 1f, 2f);
            Tensor weight = backend.set(scope.tensor("fc.weight", new Shape(1, 2), DType.F32), 3f, 4f);
            HostCuda.epilogues(0);
            assertThatThrownBy(() -> Tape.inference(backend, scope).apply(new MatMul(x, weight, null, Activation.NONE)))
                    .isInstanceOf(BackendException.class)
                    .hasMessage("mat_mul_forward of x [1, 2] f32 and fc.weight [1, 2] f32: cuBLASLt has no algorithm, "
                            + "CUBLAS_STATUS_NOT_SUPPORTED (15)");
        }
    }
}
