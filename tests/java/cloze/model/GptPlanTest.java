package cloze.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.nn.Mlp;
import cloze.nn.Norm;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GptPlanTest {
    /** Published counts: Hugging Face's model cards for GPT-2, {@code 12Ld^2 + 13Ld + 2d + (V + T)d} for GPT-3. */
    @ParameterizedTest
    @CsvSource({
        "gpt2, 124439808",
        "gpt2-medium, 354823168",
        "gpt2-large, 774030080",
        "gpt2-xl, 1557611200",
        "gpt3-small, 125226240",
        "gpt3-medium, 355871744",
        "gpt3-large, 760300032",
        "gpt3-xl, 1315723264",
        "gpt3-2.7b, 2651553280",
        "gpt3-6.7b, 6658404352",
        "gpt3-13b, 12853386240",
        "gpt3-175b, 174604259328"
    })
    void counts_parameters_to_the_last_digit(String preset, long published) {
        assertThat(GptPlan.of(GptConfig.preset(preset), 1).parameters()).isEqualTo(published);
    }

    @Test
    void counts_gpt2_without_biases() {
        GptConfig c = GptConfig.preset("gpt2");
        var style = new GptConfig.Style(
                GptConfig.Positions.LEARNED, Norm.Kind.LAYER_WITHOUT_BIAS, Mlp.Kind.GELU_TANH, false);
        var free = new GptConfig(c.vocabulary(), c.context(), c.layers(), c.width(), c.heads(), style, 0);
        assertThat(GptPlan.of(free, 1).parameters()).isEqualTo(124_337_664);
    }

    @Test
    void gpt3_takes_3_14e23_operations() {
        GptPlan plan = GptPlan.of(GptConfig.preset("gpt3-175b"), 300e9);
        assertThat(plan.flop()).isCloseTo(3.14e23, Percentage.withPercentage(0.2));
        assertThat(plan.flop() / (1e15 * 86_400)).as("petaflop/s-days").isCloseTo(3640, within(10.0));
        assertThat(plan.keyValueCache(2)).isEqualTo(2L * 96 * 12_288 * 2048 * 2);
        assertThat(plan.days(1024, 312e12, 0.5)).isCloseTo(23.4, within(0.5));
    }

    @Test
    void chinchilla_spends_the_same_operations() {
        GptPlan plan = GptPlan.of(GptConfig.preset("gpt3-175b"), 300e9);
        GptPlan.Optimum best = plan.chinchilla();
        assertThat(6 * best.parameters() * best.tokens()).isCloseTo(plan.flop(), Percentage.withPercentage(1e-6));
        double here = 1.69 + 406.4 / Math.pow((double) plan.parameters(), 0.34) + 410.7 / Math.pow(300e9, 0.28);
        assertThat(best.loss()).isLessThan(here);
    }

    @Test
    void an_unknown_preset_names_the_known_ones() {
        assertThatThrownBy(() -> GptConfig.preset("gpt5"))
                .hasMessageStartingWith("no preset is named 'gpt5'; there are nano, baby");
    }
}
