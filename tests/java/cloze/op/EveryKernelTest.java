package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.DeclaredKernels;
import cloze.backend.KernelName;
import cloze.backend.Precision;
import cloze.nn.Parameters;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Each device has each kernel that anything in the core declares, and each kernel has a test. */
class EveryKernelTest {
    private static final String OTHERS = "cloze.backend.KernelTest";

    static List<Class<?>> ops() {
        return Arrays.asList(Op.class.getPermittedSubclasses());
    }

    /** Kernels that no op declares: of optimisers, initial values, masks. */
    static List<Class<?>> others() {
        return DeclaredKernels.all().stream()
                .filter(kernel -> !ops().contains(kernel.getEnclosingClass()))
                .toList();
    }

    static Stream<Arguments> kernels() {
        return Device.all().stream()
                .flatMap(device -> DeclaredKernels.all().stream()
                        .filter(kernel -> kernel != Parameters.Narrow.class || opensInBf16(device))
                        .map(kernel -> Arguments.of(device, DeclaredKernels.label(kernel), kernel)));
    }

    /** A backend that computes in f32 alone has nothing to narrow. */
    private static boolean opensInBf16(Device device) {
        try (Backend backend = device.open(BackendOptions.DEFAULT.withPrecision(Precision.BF16))) {
            return backend.precision() == Precision.BF16;
        } catch (BackendException e) {
            return false;
        }
    }

    @ParameterizedTest(name = "{1} on {0}")
    @MethodSource("kernels")
    void is_bound(Device device, String label, Class<?> kernel) {
        try (Backend backend = device.open(1)) {
            assertThatCode(() -> backend.kernel(kernel)).as(label).doesNotThrowAnyException();
        }
    }

    @ParameterizedTest
    @MethodSource("ops")
    void has_a_contract(Class<?> op) throws ClassNotFoundException {
        assertThat(OpContract.class).isAssignableFrom(Class.forName(op.getName() + "Test"));
    }

    /** The name of its test begins with its own: {@code ema_update_moves_the_average_towards_the_weight}. */
    @ParameterizedTest
    @MethodSource("others")
    void has_a_test_that_is_named_after_it(Class<?> kernel) throws ClassNotFoundException {
        assertThat(Class.forName(OTHERS).getDeclaredMethods())
                .filteredOn(method -> method.isAnnotationPresent(ParameterizedTest.class))
                .as("tests of %s in %s", DeclaredKernels.label(kernel), OTHERS)
                .anyMatch(method -> method.getName().startsWith(KernelName.of(kernel) + "_"));
    }

    /** So that a scan that finds nothing does not pass. */
    @Test
    void finds_kernels_of_ops_and_of_others() {
        assertThat(DeclaredKernels.all()).contains(Conv2d.Backward.class, Lstm.Forward.class, Parameters.Narrow.class);
        List<Class<?>> owners = DeclaredKernels.all().stream()
                .<Class<?>>map(Class::getEnclosingClass)
                .toList();
        assertThat(owners).containsAll(ops());
        assertThat(others()).isNotEmpty();
    }
}
