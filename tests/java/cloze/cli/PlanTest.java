package cloze.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class PlanTest {
    @Test
    void plans_gpt_3() {
        CommandLines.Ran ran =
                CommandLines.run("plan", "gpt3-175b", "--gpus", "1024", "--tokens", "300e9", "--utilisation", "0.5");
        assertThat(ran.exitCode()).isZero();
        assertThat(ran.out())
                .containsPattern("parameters +174,604,259,328")
                .containsPattern("flop_6nd +3\\.143e\\+23")
                .containsPattern("days +23\\.\\d")
                .contains("moments_bf16_bytes", "key_value_cache_bf16_bytes", "chinchilla_tokens", "flop_per_token");
    }

    @Test
    void names_the_nearest_preset() {
        CommandLines.Ran ran = CommandLines.run("plan", "gpt3-157b");
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.err()).contains("gpt3-175b");
    }
}
