package cloze.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.backend.Precision;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every system learns on CUDA what it learns on the CPU. Toy sizes; on a GPU the property {@code cloze.test.steps} may ask
 * for those of {@link Shapes#CPU}.
 */
class StepLossesTest {
    /** Of the loss: what f32 sums in another order may change in six steps. */
    private static final double SHARE = 1e-4;

    /** What matrices and activations with 8 bits of mantissa may change. */
    private static final double SHARE_OF_BF16 = 0.01;

    private static final Ceilings ONE = new Ceilings(1, 1, 1, 1, 1);

    static List<StepCase<?, ?>> steps() {
        String shapes = System.getProperty("cloze.test.steps", "toy");
        return Shapes.valueOf(shapes.toUpperCase(Locale.ROOT)).steps();
    }

    @ParameterizedTest
    @MethodSource("steps")
    void agree(StepCase<?, ?> step) throws IOException {
        List<Double> expected = losses("cpu", Precision.FP32, step);
        check(expected, losses("cuda", Precision.FP32, step), SHARE);
        check(expected, losses("cuda", Precision.BF16, step), SHARE_OF_BF16);
    }

    private static void check(List<Double> expected, List<Double> actual, double share) {
        assertThat(actual).hasSameSizeAs(expected).isNotEmpty();
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i))
                    .as("loss of step %d", i)
                    .isCloseTo(expected.get(i), within(share * expected.get(i)));
        }
    }

    private static List<Double> losses(String device, Precision precision, StepCase<?, ?> step) throws IOException {
        try (Backend backend = Backends.open(device, BackendOptions.DEFAULT.withPrecision(precision))) {
            StepBench.Result result = new StepBench(backend, ONE, 0).run(step);
            assertThat(result.line().failure()).isNull();
            return result.losses();
        }
    }
}
