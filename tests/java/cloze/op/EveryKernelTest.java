package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.measure.Peak;
import cloze.nn.Init;
import cloze.nn.RandomMask;
import cloze.optim.AdamW;
import cloze.optim.Ema;
import cloze.optim.GradientNorm;
import cloze.optim.Muon;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Each device has each kernel that an op or another owner declares, and each op has a test class. */
class EveryKernelTest {
    /** What is not an op but declares kernels. */
    private static final List<Class<?>> OWNERS = List.of(
            Gradients.class,
            AdamW.class,
            Muon.class,
            Ema.class,
            GradientNorm.class,
            Init.class,
            RandomMask.class,
            Peak.class);

    static List<Class<?>> ops() {
        return Arrays.asList(Op.class.getPermittedSubclasses());
    }

    static Stream<Arguments> kernels() {
        return Device.all().stream()
                .flatMap(device -> Stream.concat(ops().stream(), OWNERS.stream())
                        .flatMap(owner -> Arrays.stream(owner.getDeclaredClasses()))
                        .filter(Class::isInterface)
                        .map(kernel -> Arguments.of(device, kernel)));
    }

    @ParameterizedTest(name = "{1} on {0}")
    @MethodSource("kernels")
    void is_bound(Device device, Class<?> kernel) {
        try (Backend backend = device.open(1)) {
            assertThatCode(() -> backend.kernel(kernel)).doesNotThrowAnyException();
        }
    }

    @ParameterizedTest
    @MethodSource("ops")
    void has_a_contract(Class<?> op) throws ClassNotFoundException {
        assertThat(OpContract.class).isAssignableFrom(Class.forName(op.getName() + "Test"));
    }
}
