package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.eval.NgramBaseline;
import cloze.io.Progress;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.text.TextData;
import cloze.text.TextSettings;
import cloze.train.RunFolder;
import cloze.train.TrainingHooks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GptRecipeTest {
    @TempDir
    private Path temporary;

    @Test
    void trains_on_a_folder_with_bpe_that_it_learns() throws IOException {
        Path texts = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 3; i++) {
            Files.writeString(
                    texts.resolve(i + ".txt"), "It was the best of times, it was the worst of times.\n".repeat(60));
        }
        Preset<GptConfig> nano = Recipes.GPT.preset();
        Preset<GptConfig> bpe = nano.withModel(nano.model().withContext(32))
                .withData(TextSettings.DEFAULT
                        .withData(texts.toString())
                        .withTokenizer("bpe:300")
                        .withHeldOut(0.2))
                .withSettings(nano.settings().withBatch(4, 2).withSteps(30));
        try (Backend backend = TestRuns.cpu(2);
                RunFolder folder = RunFolder.create(temporary.resolve("bpe"));
                Run<GptConfig, Gpt> run = Run.start(folder, Recipes.GPT, bpe, backend, Opening.of(temporary))) {
            run.trainer(TrainingHooks.NONE).run();
            Map<String, Double> metrics = run.evaluation().evaluate();
            assertThat(metrics.get("val_loss")).isLessThan(Math.log(300));
            assertThat(metrics.get("val_bits_per_byte")).isLessThan(metrics.get("val_loss") / Math.log(2));
            assertThat(folder.path().resolve("tokenizer.json")).exists();
        }
    }

    @Test
    void a_length_in_tokens_or_epochs_becomes_steps() throws IOException {
        Preset<GptConfig> tiny = TestRuns.tiny(Recipes.GPT, temporary);
        Preset<GptConfig> tokens = tiny.with(Map.of("settings.length.tokens", 1000));
        Preset<GptConfig> epochs = tiny.with(Map.of("settings.length.epochs", 2));
        try (var ten = Recipes.GPT.open(tokens, Opening.of(temporary));
                var twice = Recipes.GPT.open(epochs, Opening.of(temporary))) {
            assertThat(ten.preset().settings().length().steps()).isEqualTo(32); // 2 windows of 16 tokens a step
            long windows = (long) (0.9 * 53 * 40 - 16) / 16;
            assertThat(twice.preset().settings().length().steps()).isBetween(windows - 1, windows + 2);
        }
    }

    @Test
    void a_run_that_can_not_fit_says_so_with_numbers() {
        Preset<GptConfig> nano = Recipes.GPT.preset();
        Preset<GptConfig> large = nano.withModel(nano.model().withContext(2048))
                .withSettings(nano.settings().withBatch(512, 1));
        try (Backend backend = TestRuns.cpu(1)) {
            assertThatThrownBy(() -> Run.memory(Recipes.GPT, large, backend).require(8L << 30, Long.MAX_VALUE))
                    .hasMessageContaining("training needs")
                    .hasMessageContaining("8.00 GiB")
                    .hasMessageContaining("activations");
        }
    }

    @Test
    void text_that_is_nowhere_is_named() {
        TextSettings text = TextSettings.DEFAULT.withData("no-such-text");
        assertThatThrownBy(() -> TextData.prepare(text, temporary, Progress.NONE))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no text 'no-such-text'");
    }

    @Tag("proof")
    @Test
    void goes_below_kneser_ney_of_order_3_in_a_minute() throws IOException {
        Preset<GptConfig> nano = Recipes.GPT.preset().withSteps(400);
        long begin = System.nanoTime();
        try (Backend backend = TestRuns.cpu(2);
                RunFolder folder = RunFolder.create(temporary.resolve("nano"));
                Run<GptConfig, Gpt> run = Run.start(folder, Recipes.GPT, nano, backend, Opening.of(temporary))) {
            run.trainer(TrainingHooks.NONE).run();
            double seconds = (System.nanoTime() - begin) / 1e9;
            double bits = run.evaluation().evaluate().getOrDefault("val_bits_per_byte", Double.NaN);
            NgramBaseline ngrams = NgramBaseline.of(TextData.prepare(TextSettings.DEFAULT, temporary, Progress.NONE));
            System.out.printf(
                    Locale.ROOT,
                    "nano: %.3f bits per byte after %,d tokens and %.0f s, below n-grams of order %d; %s%n",
                    bits,
                    400 * nano.settings().examplesPerStep() * nano.model().context(),
                    seconds,
                    ngrams.beaten(bits),
                    ngrams);
            assertThat(bits).isLessThanOrEqualTo(ngrams.bitsPerByte().get(2));
        }
    }
}
