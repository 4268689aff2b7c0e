package cloze.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.foreign.Companions;
import cloze.foreign.GptTwo;
import cloze.generate.Sampling;
import cloze.generate.TextBounds;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.text.token.ByteTokenizer;
import cloze.text.token.CharTokenizer;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LanguageModelTest {
    private final Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
    private final Scope scope = backend.memory().scope("test");

    @AfterEach
    void close() {
        scope.close();
        backend.close();
    }

    /** Weights far from the start, so that the distributions are far from uniform. */
    private Parameters.Built<Gpt> built(Tokenizer tokenizer, int context, GptConfig.Style style) {
        return built(tokenizer.vocabularySize(), context, style);
    }

    private Parameters.Built<Gpt> built(int vocabulary, int context, GptConfig.Style style) {
        GptConfig config = new GptConfig(vocabulary, context, 2, 16, Heads.of(2, 8), style, 0);
        Parameters.Built<Gpt> built = Parameters.build(backend, scope, 3, p -> new Gpt(config, p));
        var random = new SplittableRandom(8);
        for (Tensor p : built.parameters().tensors()) {
            float[] values = backend.floats(p);
            for (int i = 0; i < values.length; i++) {
                values[i] += (float) (random.nextDouble() - 0.5);
            }
            backend.set(p, values);
        }
        return built;
    }

    private LanguageModel model(Tokenizer tokenizer, int context, GptConfig.Style style) {
        return LanguageModel.of(backend, built(tokenizer, context, style), tokenizer);
    }

    @Test
    void probabilities_of_all_strings_add_up_to_1() {
        try (LanguageModel model = model(CharTokenizer.of("abc\n"), 8, GptConfig.Style.MODERN)) {
            assertThat(model.tokenizer().vocabularySize()).isEqualTo(4);
            String alphabet = "abc\n";
            double sum = 0;
            for (int code = 0; code < 4096; code++) {
                var text = new StringBuilder();
                for (int i = 0; i < 6; i++) {
                    text.append(alphabet.charAt((code >> (2 * i)) & 3));
                }
                sum += Math.exp(model.score(text.toString()).logProbability());
            }
            assertThat(sum).isCloseTo(1, within(1e-5));
        }
    }

    @Test
    void a_score_adds_up_its_tokens() {
        try (LanguageModel model = model(CharTokenizer.of("abcé\n"), 8, GptConfig.Style.GPT2)) {
            Score score = model.score("abécbaabccbaéaab");
            assertThat(score.tokens()).hasSize(16);
            assertThat(score.bytes()).isEqualTo(18);
            double sum = 0;
            for (Score.Token token : score.tokens()) {
                sum += token.logProbability();
            }
            assertThat(score.logProbability()).isCloseTo(sum, within(1e-9));
            assertThat(score.perplexity()).isCloseTo(Math.exp(-sum / 16), within(1e-9));
            assertThat(score.bitsPerByte()).isCloseTo(-sum / Math.log(2) / 18, within(1e-9));
        }
    }

    @Test
    void text_that_is_streamed_is_the_text_that_is_returned() {
        try (LanguageModel model = model(CharTokenizer.of("abcdefgh é\n"), 16, GptConfig.Style.MODERN)) {
            Sampling sampling = Sampling.DEFAULT.withTokens(60);
            var streamed = new StringBuilder();
            model.generate("abc", sampling, streamed::append);
            assertThat(streamed.toString())
                    .isEqualTo(model.generate("abc", sampling))
                    .hasSize(60);
        }
    }

    @Test
    void a_batch_gives_greedily_what_each_prompt_gives_alone() {
        try (LanguageModel model = model(CharTokenizer.of("abcdefgh é\n"), 16, GptConfig.Style.GPT2)) {
            List<String> prompts = List.of("abcdefg", "h", "", "aaaa");
            List<String> together = model.generate(prompts, Sampling.greedy(8));
            for (int i = 0; i < prompts.size(); i++) {
                assertThat(together.get(i)).isEqualTo(model.generate(prompts.get(i), Sampling.greedy(8)));
            }
        }
    }

    @Test
    void goes_on_when_the_context_is_full() {
        try (LanguageModel model = model(CharTokenizer.of("abcdefgh\n"), 16, GptConfig.Style.GPT2)) {
            assertThat(model.generate("abcdefghabcdefghabcdefgh", Sampling.greedy(100)))
                    .hasSize(100);
        }
    }

    @Test
    void ends_at_a_stop_string() {
        try (LanguageModel model = model(CharTokenizer.of("abcdefgh\n"), 64, GptConfig.Style.MODERN)) {
            Sampling sampling = Sampling.DEFAULT.withTokens(60).withTemperature(1);
            String whole = model.generate("a", sampling);
            String stop = whole.substring(10, 12);
            assertThat(model.generate("a", sampling.withStop(stop))).isEqualTo(whole.substring(0, whole.indexOf(stop)));
        }
    }

    @Test
    void one_model_serves_many_threads() throws InterruptedException, ExecutionException {
        try (LanguageModel model = model(CharTokenizer.of("abcdefgh\n"), 32, GptConfig.Style.MODERN);
                var executor = Executors.newFixedThreadPool(8)) {
            List<String> expected = IntStream.range(0, 32)
                    .mapToObj(i ->
                            model.generate("ab", Sampling.DEFAULT.withTokens(40).withSeed(i)))
                    .toList();
            List<Future<String>> answers = new ArrayList<>();
            for (int i = 0; i < 32; i++) {
                int seed = i;
                answers.add(executor.submit(() ->
                        model.generate("ab", Sampling.DEFAULT.withTokens(40).withSeed(seed))));
            }
            for (int i = 0; i < 32; i++) {
                assertThat(answers.get(i).get()).isEqualTo(expected.get(i));
            }
        }
    }

    @Test
    void export_to_gpt2s_layout_loads_back_bit_for_bit(@TempDir Path folder) throws IOException {
        Tokenizer tokenizer = CharTokenizer.of("abcdefgh\n");
        Parameters.Built<Gpt> built = built(tokenizer, 32, GptConfig.Style.GPT2);
        try (LanguageModel model = LanguageModel.of(backend, built, tokenizer)) {
            new GptTwo().save(folder, built, Companions.of(tokenizer), backend);
            try (LanguageModel again = LanguageModel.load(folder, backend)) {
                for (Tensor p : model.parameters().tensors()) {
                    assertThat(backend.floats(again.parameters().named(p.name())))
                            .as(p.name())
                            .isEqualTo(backend.floats(p));
                }
                assertThat(again.generate("abc", Sampling.DEFAULT)).isEqualTo(model.generate("abc", Sampling.DEFAULT));
            }
        }
    }

    @Test
    void a_folder_without_a_model_says_so(@TempDir Path folder) throws IOException {
        Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"bert\"}");
        CharTokenizer.of("ab\n").save(folder.resolve("tokenizer.json"));
        assertThatThrownBy(() -> LanguageModel.load(folder, backend))
                .isInstanceOf(IOException.class)
                .hasMessage(folder + " is a model of kind bert, but a language model is needed");
    }

    @Test
    void ids_beyond_the_tokenizer_are_never_drawn() {
        Tokenizer tokenizer = CharTokenizer.of("abc\n");
        var built = built(64, 8, GptConfig.Style.GPT2);
        try (LanguageModel model = LanguageModel.of(backend, built, tokenizer)) {
            Sampling uniform = Sampling.DEFAULT.withTokens(200).withTemperature(1e6);
            List<Sampling> ways = List.of(
                    uniform, uniform.withTopK(40), uniform.withTopP(0.9), Sampling.greedy(200), uniform.withTopK(1));
            for (Sampling sampling : ways) {
                assertThat(model.generate("a", sampling)).hasSize(200).matches("[abc\n]*");
            }
        }
    }

    /** Texts begin after a line end, or after whatever there is: text without line ends is text. */
    @Test
    void a_tokenizer_without_line_ends_begins_texts_all_the_same() throws IOException {
        for (String alphabet : List.of("abc\n", "abc\r", "abc ", "abc", "中文字")) {
            Tokenizer tokenizer = CharTokenizer.of(alphabet);
            assertThat(tokenizer.decode(tokenizer.beforeText()))
                    .isEqualTo(alphabet.substring(3).isEmpty() ? alphabet.substring(0, 1) : alphabet.substring(3));
            try (LanguageModel model = model(tokenizer, 8, GptConfig.Style.MODERN)) {
                assertThat(model.generate("", Sampling.DEFAULT.withTokens(9))).hasSize(9);
                assertThat(model.score(alphabet.substring(0, 3)).tokens()).hasSize(3);
            }
        }
    }

    @Test
    void ends_where_the_config_says_by_id(@TempDir Path folder) throws IOException {
        Tokenizer tokenizer = new ByteTokenizer();
        Parameters.Built<Gpt> built = built(300, 8, GptConfig.Style.GPT2);
        new GptTwo().save(folder, built, Companions.of(tokenizer), backend);
        String greedy;
        try (LanguageModel model = LanguageModel.load(folder, backend)) {
            int[] ids = tokenizer.encode(model.generate("a", Sampling.greedy(1)));
            assertThat(ids).hasSize(1);
            greedy = "" + ids[0];
        }
        for (String ends : List.of(greedy, "[299, " + greedy + "]")) {
            Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": " + ends + "}");
            try (LanguageModel model = LanguageModel.load(folder, backend)) {
                assertThat(model.generate("a", Sampling.greedy(5))).isEmpty();
            }
        }
        for (String wrong : List.of("\"a\"", "[1.5]", "{}", "1e400", "[[1]]")) {
            Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": " + wrong + "}");
            assertThatThrownBy(() -> LanguageModel.load(folder, backend))
                    .isInstanceOf(IOException.class)
                    .hasMessageContainingAll("generation_config.json", "eos_token_id");
        }
    }

    @Test
    void bounds_without_a_token_are_passed_over(@TempDir Path folder) throws IOException {
        Tokenizer tokenizer = new ByteTokenizer();
        Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\": 50256, \"bos_token_id\": -1}");
        assertThat(TextBounds.read(folder, tokenizer)).isEqualTo(new TextBounds(256, Set.of(50256)));
        Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\": null, \"bos_token_id\": 7}");
        assertThat(TextBounds.read(folder, tokenizer)).isEqualTo(new TextBounds(7, Set.of(256)));
        Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\": 9}");
        assertThat(TextBounds.read(folder, tokenizer)).isEqualTo(new TextBounds(9, Set.of(9)));
    }

    @Test
    void an_interrupt_ends_a_text_and_cancels_a_score() {
        try (LanguageModel model = model(CharTokenizer.of("abc\n"), 8, GptConfig.Style.GPT2)) {
            var text = new StringBuilder();
            model.generate("a", Sampling.DEFAULT.withTokens(1_000_000), part -> {
                text.append(part);
                if (text.length() == 20) {
                    Thread.currentThread().interrupt();
                }
            });
            assertThat(text).hasSize(20);
            assertThatThrownBy(() -> model.score("abc"))
                    .isInstanceOf(CancellationException.class)
                    .hasMessageContaining("interrupted");
            assertThat(Thread.interrupted()).isTrue();
        }
    }
}
