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
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.text.token.CharTokenizer;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
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
        GptConfig config = new GptConfig(tokenizer.vocabularySize(), context, 2, 16, Heads.of(2, 8), style, 0);
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
}
