package cloze.cuda.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Arguments reach the code behind a kernel's interface, and are found by the names of its parameters. */
class ArgumentsTest {
    /** Parameters of each type; tensors are not neighbours. */
    public interface Mixed {
        void call(Tensor x, long n, @Nullable Tensor bias, float rate, Tensor y);
    }

    public interface Wrong {
        void call(Tensor x, int n);
    }

    private final List<Arguments> seen = new ArrayList<>();
    private final Mixed kernel = KernelCall.bind(Mixed.class, seen::add);

    private void withTensors(BiConsumer<Tensor, Tensor> test) {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("test")) {
            test.accept(scope.tensor("x", new Shape(3), DType.F32), scope.tensor("y", new Shape(3), DType.BF16));
        }
    }

    @Test
    void a_call_brings_tensors_and_numbers() {
        withTensors((x, y) -> {
            kernel.call(x, 7, null, 0.5f, y);
            Arguments arguments = seen.getFirst();
            assertThat(arguments.tensor("x")).isSameAs(x);
            assertThat(arguments.tensor("y")).isSameAs(y);
            assertThat(arguments.optional("bias")).isNull();
            assertThat(arguments.size("n")).isEqualTo(7);
            assertThat(arguments.isBf16()).isTrue();
            assertThat(arguments.slots)
                    .containsExactly(
                            x.memory().address(),
                            7,
                            0,
                            Float.floatToRawIntBits(0.5f),
                            y.memory().address(),
                            0);
        });
    }

    @Test
    void a_call_without_a_tensor_leaves_the_first_call_as_it_was() {
        withTensors((x, y) -> {
            kernel.call(x, 7, y, 0.5f, y);
            Arguments fewer = seen.getFirst().without("bias");
            assertThat(fewer.optional("bias")).isNull();
            assertThat(fewer.slots[2]).isZero();
            assertThat(fewer.tensor("y")).isSameAs(y);
            assertThat(seen.getFirst().optional("bias")).isSameAs(y);
            assertThat(seen.getFirst().slots[2]).isEqualTo(y.memory().address());
        });
    }

    @Test
    void a_name_that_there_is_not_is_an_error() {
        withTensors((x, y) -> {
            kernel.call(x, 7, null, 0.5f, y);
            Arguments arguments = seen.getFirst();
            assertThatThrownBy(() -> arguments.size("x"))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("no size 'x' among [x, n, bias, rate, y]");
            assertThatThrownBy(() -> arguments.tensor("z")).hasMessage("no tensor 'z' among [x, n, bias, rate, y]");
        });
    }

    @Test
    void a_type_that_kernels_cannot_take_is_an_error() {
        assertThatThrownBy(() -> Signature.of(Wrong.class))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("arguments_test_wrong: a kernel can not take a int");
    }
}
