package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.eval.HeldOutImages;
import cloze.eval.OnlineProbe;
import cloze.image.ImageCodec;
import cloze.image.ImageSettings;
import cloze.image.Picture;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.train.Cadence;
import cloze.train.Guards;
import cloze.train.RunFolder;
import cloze.train.TrainingHooks;
import cloze.train.log.MetricsLog;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs on the first images of Fashion-MNIST (tests/golden/fashion_mnist.py). */
class MaeRecipeTest {
    @TempDir
    private Path temporary;

    /** @param data in tests/golden, or a path */
    private static Preset<MaeConfig> nano(String data, long steps, int loaders) {
        Preset<MaeConfig> nano = Recipes.MAE.presets().get("vit-nano-32");
        return nano.withData(ImageSettings.of(data).withHeldOut(0.25).withThreads(loaders))
                .withSettings(nano.settings()
                        .withBatch(8, 2)
                        .withGuards(Guards.NONE)
                        .withSteps(steps)
                        .withCadence(Cadence.of(0, 3, 2)));
    }

    private byte[] run(Path path, Preset<MaeConfig> preset, int threads, long stopAfter) throws IOException {
        return TestRuns.run(path, Recipes.MAE, preset, threads, stopAfter);
    }

    @Test
    void other_loaders_give_the_same_bits() throws IOException {
        String images = TestRuns.golden("fashion-mnist");
        assertThat(run(temporary.resolve("two"), nano(images, 3, 2), 2, -1))
                .isEqualTo(run(temporary.resolve("one"), nano(images, 3, 1), 1, -1));
    }

    @Test
    void a_probe_on_the_way_is_logged_and_changes_no_bit_also_of_a_run_that_goes_on() throws IOException {
        Preset<MaeConfig> plain = nano(TestRuns.golden("fashion-mnist"), 4, 1);
        byte[] without = run(temporary.resolve("without"), plain, 2, -1);
        Preset<MaeConfig> probed = plain.withSettings(
                plain.settings().withCadence(Cadence.of(2, 0, 2).withProbe(true)));
        Path path = temporary.resolve("probed");
        assertThat(run(path, probed, 2, -1)).isEqualTo(without);
        List<Double> shares = accuracies(path);
        assertThat(shares).hasSize(2).allSatisfy(share -> assertThat(share).isBetween(0.4, 0.95));
        Path stopped = temporary.resolve("stopped-probe");
        run(stopped, probed, 1, 3);
        assertThat(run(stopped, probed, 2, -1)).isEqualTo(without);
        assertThat(accuracies(stopped)).isEqualTo(shares);
    }

    private static List<Double> accuracies(Path run) throws IOException {
        return MetricsLog.read(run.resolve("metrics.jsonl")).stream()
                .filter(TrainingEvent.Evaluated.class::isInstance)
                .map(event ->
                        ((TrainingEvent.Evaluated) event).metrics().getOrDefault(OnlineProbe.ACCURACY, Double.NaN))
                .toList();
    }

    @Test
    void a_probe_needs_classes() {
        Preset<MaeConfig> plain = nano(TestRuns.golden("images"), 2, 1);
        Preset<MaeConfig> probed = plain.withSettings(plain.settings().withCadence(Cadence.END.withProbe(true)));
        assertThatThrownBy(() -> run(temporary.resolve("unlabelled"), probed, 1, -1))
                .hasMessageContaining("a probe needs classes, but the images of ");
    }

    @Test
    void a_run_draws_what_it_fills_in() throws IOException {
        Path path = temporary.resolve("run");
        run(path, nano(TestRuns.golden("fashion-mnist"), 4, 1), 2, -1);
        Path file = path.resolve("reconstruction-000003.png");
        Picture drawn = ImageCodec.installed().decode(file.toString(), Files.readAllBytes(file));
        assertThat(drawn.height()).isEqualTo(6 * (96 + 4) + 4);
        assertThat(drawn.width()).isEqualTo(8 * (96 + 4) + 4);
        assertThat(path.resolve("reconstruction-000004.png")).exists();
        int grey = 0; // of the hidden patches in the second column: three quarters
        for (int y = 4; y < 100; y++) {
            for (int x = 104; x < 200; x++) {
                grey += drawn.at(y, x, 0) == 127 ? 1 : 0;
            }
        }
        assertThat(grey).isBetween(96 * 96 * 3 / 4, 96 * 96 * 3 / 4 + 300); // a seen pixel may be that grey too
    }

    @Test
    void images_of_many_formats_are_trained_on_and_broken_ones_left_out() throws IOException {
        Path images = Files.createDirectories(temporary.resolve("images"));
        Path from = Path.of(TestRuns.golden("images"));
        for (String name : new String[] {"rgb.png", "grey.jpg", "cmyk.jpg", "lossy.webp", "lzw.tif", "frames.gif"}) {
            Files.copy(from.resolve(name), images.resolve(name));
        }
        Files.writeString(images.resolve("broken.png"), "no image");
        Preset<MaeConfig> mixed = nano(images.toString(), 3, 2);
        try (Backend backend = TestRuns.cpu(2);
                RunFolder folder = RunFolder.create(temporary.resolve("mixed"));
                Run<MaeConfig, Mae> run = Run.start(folder, Recipes.MAE, mixed, backend, Opening.of(temporary))) {
            assertThat(run.model().config().channels()).isEqualTo(3);
            run.trainer(TrainingHooks.NONE).run();
            assertThat(run.describe()).startsWith("5 images to train on, 2 held out");
            assertThat(run.unreadable()).isLessThanOrEqualTo(1); // it may be held out
        }
        Preset<MaeConfig> strict = mixed.withData(((ImageSettings) mixed.data()).withStrict(true));
        assertThatThrownBy(() -> run(temporary.resolve("strict"), strict, 1, -1))
                .hasMessageContaining("broken.png can not be read");
    }

    /** Hidden pixels are predicted better than by the simplest means, on images that were never learnt from. */
    @Tag("proof")
    @Test
    void fills_in_better_than_mean_colour_and_inverse_distance() throws IOException {
        Preset<MaeConfig> nano = Recipes.MAE.presets().get("vit-nano-32");
        Preset<MaeConfig> raw = nano.withModel(nano.model().withNormalize(false))
                .withData(ImageSettings.of(TestRuns.golden("fashion-mnist"))
                        .withLeastArea(0.6)
                        .withThreads(1))
                .withSettings(
                        nano.settings().withSteps(400).withGuards(Guards.NONE).withCadence(Cadence.END));
        Path path = temporary.resolve("filled");
        run(path, raw, 2, -1);
        try (Backend backend = TestRuns.cpu(2);
                RunFolder folder = RunFolder.resume(path);
                Run<MaeConfig, Mae> run = Run.resume(folder, Recipes.MAE, backend, Opening.of(temporary))) {
            run.trainer(TrainingHooks.NONE).run();
            HeldOutImages.Marks marks = ((HeldOutImages) run.evaluation()).marks();
            assertThat(marks.model()).isGreaterThan(marks.meanColour() + 2);
            assertThat(marks.model()).isGreaterThan(marks.inverseDistance() + 1);
        }
    }
}
