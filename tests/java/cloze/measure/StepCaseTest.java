package cloze.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.recipe.Recipes;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class StepCaseTest {
    private static final Ceilings ONE = new Ceilings(1, 1, 1, 1, 1);

    /** 6 times 123.65 million parameters, and 6 x 12 x 768 x 1024 of attention. */
    @Test
    void counts_the_operations_of_gpt_2() {
        StepCase<?, ?> step = StepCase.of("gpt2", Recipes.GPT, "gpt2", 16);
        assertThat(step.flops() / (16 * 1024)).isCloseTo(798.5e6, within(0.1e6));
        assertThat(step.shape()).isEqualTo("L12 D768 H12 V50257 B16 T1024");
    }

    /** By hand for ViT-B: 8.59 of the encoder, 10.55 of the decoder, 0.25 of the rest, times three. */
    @ParameterizedTest
    @CsvSource({"vit-base, 58.17", "vit-large, 123.84"})
    void counts_the_operations_of_masked_autoencoders(String preset, double gigaflops) {
        StepCase<?, ?> step = StepCase.of("mae", Recipes.MAE, preset, 8);
        assertThat(step.flops() / 8 / 1e9).isCloseTo(gigaflops, within(0.1));
    }

    static Stream<Arguments> steps() {
        return Shapes.TOY.steps().stream()
                .flatMap(step -> Stream.of(Arguments.of("cpu", step), Arguments.of("cuda", step)));
    }

    @ParameterizedTest
    @MethodSource("steps")
    void a_step_is_a_step_of_training(String device, StepCase<?, ?> step) throws IOException {
        try (Backend backend = Backends.open(device, BackendOptions.DEFAULT)) {
            StepBench.Result result = new StepBench(backend, ONE, 0).run(step);
            assertThat(result.line().failure()).isNull();
            assertThat(result.line().seconds()).isPositive();
            assertThat(result.losses()).hasSize(6).allMatch(Double::isFinite).doesNotHaveDuplicates();
            assertThat(result.unitsPerSecond())
                    .isEqualTo(result.units() / result.line().seconds());
            assertThat(result.bytes()).isPositive();
            assertThat(backend.memory().bytesUsed()).isZero();
        }
    }
}
