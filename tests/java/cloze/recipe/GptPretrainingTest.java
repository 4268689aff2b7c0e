package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.eval.NgramBaseline;
import cloze.generate.Sampling;
import cloze.io.Progress;
import cloze.serve.LanguageModel;
import cloze.text.TextData;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingHooks;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GptPretrainingTest {
    @TempDir
    private Path temporary;

    private static GptOptions small(String tokenizer) {
        GptOptions nano = GptOptions.of("nano").withSteps(6);
        return nano.withText(new GptOptions.Text(GptOptions.EMBEDDED, "", tokenizer, 0.001))
                .withSize(new GptOptions.Size(32, 4, 2, 0.1, false))
                .withWatch(new GptOptions.Watch(3, 0, 2, 0, 0));
    }

    private Map<String, Double> run(Path path, GptOptions options, int threads, long stopAfter) throws IOException {
        var last = new AtomicReference<Map<String, Double>>(Map.of());
        var trainer = new AtomicReference<Trainer>();
        boolean fresh = !Files.exists(path.resolve("config.json"));
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(threads));
                RunFolder folder = fresh ? RunFolder.create(path) : RunFolder.resume(path);
                GptPretraining run = fresh
                        ? GptPretraining.start(folder, options, backend, temporary, Progress.NONE)
                        : GptPretraining.resume(folder, backend, temporary, Progress.NONE)) {
            assertThat(run.options()).isEqualTo(options);
            trainer.set(run.trainer(TrainingHooks.NONE.withListener(event -> {
                if (event instanceof TrainingEvent.Evaluated evaluated) {
                    last.set(evaluated.metrics());
                }
                if (event instanceof TrainingEvent.Step step && step.step() == stopAfter) {
                    trainer.get().requestStop();
                }
            })));
            trainer.get().run();
        }
        return last.get();
    }

    @Test
    void a_run_that_was_stopped_and_one_of_other_threads_give_the_same_bits() throws IOException {
        Path whole = temporary.resolve("whole");
        Path stopped = temporary.resolve("stopped");
        Path single = temporary.resolve("single");
        GptOptions options = small("char");
        Map<String, Double> metrics = run(whole, options, 2, -1);
        run(stopped, options, 2, 3);
        assertThat(run(stopped, options, 1, -1)).isEqualTo(metrics);
        assertThat(run(single, options, 1, -1)).isEqualTo(metrics);
        byte[] weights = Files.readAllBytes(whole.resolve("model.safetensors"));
        assertThat(weights(single)).isEqualTo(weights(whole)).hasSameSizeAs(weights(stopped));
        assertThat(weights).isNotEmpty();
    }

    /** Text that a model continues depends on every weight. */
    private String weights(Path run) throws IOException {
        try (LanguageModel model = LanguageModel.load(run)) {
            return model.generate("The ", Sampling.DEFAULT.withTokens(100))
                    + model.score("Call me Ishmael.").logProbability();
        }
    }

    @Test
    void trains_on_a_folder_with_bpe_that_it_learns() throws IOException {
        Path texts = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 3; i++) {
            Files.writeString(
                    texts.resolve(i + ".txt"), "It was the best of times, it was the worst of times.\n".repeat(60));
        }
        GptOptions options = small("bpe:300")
                .withText(new GptOptions.Text(texts.toString(), "", "bpe:300", 0.2))
                .withSteps(30);
        Map<String, Double> metrics = run(temporary.resolve("bpe"), options, 2, -1);
        assertThat(metrics.get("val_loss")).isLessThan(Math.log(300));
        assertThat(metrics.get("val_bits_per_byte")).isLessThan(metrics.get("val_loss") / Math.log(2));
    }

    @Test
    void a_run_that_can_not_fit_says_so_with_numbers() throws IOException {
        GptOptions large = GptOptions.of("nano").withSize(new GptOptions.Size(2048, 512, 1, 0, false));
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                RunFolder folder = RunFolder.create(temporary.resolve("large"));
                GptPretraining run = GptPretraining.start(folder, large, backend, temporary, Progress.NONE)) {
            assertThatThrownBy(() -> run.memory().require(8L << 30, Long.MAX_VALUE))
                    .hasMessageContaining("training needs")
                    .hasMessageContaining("8.00 GiB")
                    .hasMessageContaining("activations");
        }
    }

    @Test
    void text_that_is_nowhere_is_named() {
        var text = new GptOptions.Text("no-such-text", "", "char", 0.1);
        assertThatThrownBy(() -> TextData.prepare(text, temporary, Progress.NONE))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no text 'no-such-text'");
    }

    @Test
    void goes_below_kneser_ney_of_order_3_in_a_minute() throws IOException {
        GptOptions options = GptOptions.of("nano").withSteps(400);
        long begin = System.nanoTime();
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                RunFolder folder = RunFolder.create(temporary.resolve("nano"));
                GptPretraining run = GptPretraining.start(folder, options, backend, temporary, Progress.NONE)) {
            run.trainer(TrainingHooks.NONE).run();
            double seconds = (System.nanoTime() - begin) / 1e9;
            double bits = run.heldOut().evaluate().getOrDefault("val_bits_per_byte", Double.NaN);
            NgramBaseline ngrams = NgramBaseline.of(run.data());
            System.out.printf(
                    Locale.ROOT,
                    "nano: %.3f bits per byte after %,d tokens and %.0f s, below n-grams of order %d; %s%n",
                    bits,
                    options.descent().steps() * options.tokensPerStep(),
                    seconds,
                    ngrams.beaten(bits),
                    ngrams);
            assertThat(bits).isLessThanOrEqualTo(ngrams.bitsPerByte().get(2));
        }
    }
}
