package cloze.foreign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GptTwoConfigTest {
    @TempDir
    Path folder;

    private static GptTwoConfig tiny() {
        return new GptTwoConfig(2, 4, 32, 16, 101, 1e-5, 0.1);
    }

    @Test
    void a_configuration_comes_back() throws IOException {
        tiny().write(folder, Map.of("bos_token_id", 100, "eos_token_id", 100));
        assertThat(GptTwoConfig.read(folder)).isEqualTo(tiny());
        assertThat(folder.resolve("config.json"))
                .content()
                .contains("\"GPT2LMHeadModel\"", "\"gelu_new\"", "\"n_embd\" : 32", "\"eos_token_id\" : 100");
        tiny().write(folder, Map.of("bos_token_id", ConfigJson.NONE, "eos_token_id", ConfigJson.NONE));
        assertThat(folder.resolve("config.json")).content().contains("\"eos_token_id\" : null");
    }

    @Test
    void absent_keys_mean_what_they_mean_to_hugging_face() throws IOException {
        Files.writeString(folder.resolve("config.json"), "{\"model_type\":\"gpt2\",\"n_inner\":null,\"unknown\":[1]}");
        assertThat(GptTwoConfig.read(folder)).isEqualTo(new GptTwoConfig(12, 12, 768, 1024, 50257, 1e-5, 0.1));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"activation_function\":\"relu\"|activation_function must be gelu_new or gelu_pytorch_tanh or gelu, but is relu",
                "\"activation_function\":7|activation_function must be gelu_new or gelu_pytorch_tanh or gelu, but is 7",
                "\"tie_word_embeddings\":false|tie_word_embeddings must be true, but is false",
                "\"scale_attn_by_inverse_layer_idx\":true|scale_attn_by_inverse_layer_idx must be false, but is true",
                "\"n_inner\":1024|n_inner must be 3072.0, which is 4 n_embd, but is 1024.0",
                "\"attn_pdrop\":0.2|attn_pdrop must be 0.1, which is resid_pdrop, but is 0.2",
                "\"n_layer\":\"12\"|n_layer must be a whole number, but is \"12\"",
                "\"n_layer\":99999999999|n_layer must be a whole number, but is 99999999999",
                "\"n_layer\":0|GptTwoConfig: layers must be 1 to 1000, but is 0",
                "\"n_head\":7|GptTwoConfig: heads must be a divisor of the width 768, but is 7",
                "\"layer_norm_epsilon\":0|GptTwoConfig: epsilon must be in (0, 1), but is 0.0",
            })
    void another_model_than_this_is_refused_by_key(String json, String reason) throws IOException {
        Path file = Files.writeString(folder.resolve("config.json"), "{\"model_type\":\"gpt2\"," + json + "}");
        assertThatThrownBy(() -> GptTwoConfig.read(folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessage(file + ": " + reason);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "``",
                "[]",
                "{",
                "{} {}",
                "{\"model_type\":\"llama\"}",
                "{\"n_layer\":1,\"n_layer\":2}",
                "{}",
                "nul"
            })
    void what_is_no_configuration_is_refused(String json) throws IOException {
        Files.writeString(folder.resolve("config.json"), json);
        assertThatThrownBy(() -> GptTwoConfig.read(folder)).isInstanceOf(CheckpointException.class);
    }
}
