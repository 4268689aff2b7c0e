package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.eval.HeldOutImages;
import cloze.image.ImageCodec;
import cloze.image.Picture;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingHooks;
import cloze.train.log.MetricsLog;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs on the first images of Fashion-MNIST (tests/golden/fashion_mnist.py). */
class MaePretrainingTest {
    @TempDir
    private Path temporary;

    private static String golden(String name) {
        try {
            return Path.of(Objects.requireNonNull(MaePretrainingTest.class.getResource("/golden/" + name))
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /** @param data in tests/golden */
    private static MaeOptions nano(String data, long steps, int loaders) {
        MaeOptions o = MaeOptions.of("vit-nano-32").withSteps(steps);
        MaeOptions.Size s = o.size();
        return o.withImages(new MaeOptions.Images(golden(data), 0.25, 0.2, true, false, loaders))
                .withSize(new MaeOptions.Size(32, 4, 0, 8, 2, s.ratio(), s.normalize()))
                .withWatch(new MaeOptions.Watch(0, 3, 2, 0));
    }

    private byte[] run(Path path, MaeOptions options, int threads, long stopAfter) throws IOException {
        var trainer = new AtomicReference<Trainer>();
        boolean fresh = !Files.exists(path.resolve("config.json"));
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(threads));
                RunFolder folder = fresh ? RunFolder.create(path) : RunFolder.resume(path);
                MaePretraining run = fresh
                        ? MaePretraining.start(folder, options, backend, temporary)
                        : MaePretraining.resume(folder, backend, temporary)) {
            trainer.set(run.trainer(TrainingHooks.NONE.withListener(event -> {
                if (event instanceof TrainingEvent.Step step && step.step() == stopAfter) {
                    trainer.get().requestStop();
                }
            })));
            trainer.get().run();
        }
        byte[] file = Files.readAllBytes(path.resolve("model.safetensors"));
        int header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(); // it numbers the checkpoint
        return Arrays.copyOfRange(file, Long.BYTES + header, file.length);
    }

    @Test
    void a_run_that_was_stopped_and_one_of_other_threads_and_loaders_give_the_same_bits() throws IOException {
        byte[] whole = run(temporary.resolve("whole"), nano("fashion-mnist", 6, 2), 2, -1);
        assertThat(run(temporary.resolve("single"), nano("fashion-mnist", 6, 1), 1, -1))
                .isEqualTo(whole);
        Path stopped = temporary.resolve("stopped");
        run(stopped, nano("fashion-mnist", 6, 3), 2, 3);
        assertThat(run(stopped, nano("fashion-mnist", 6, 3), 1, -1)).isEqualTo(whole);
    }

    @Test
    void a_probe_on_the_way_is_logged_and_changes_no_bit_also_of_a_run_that_goes_on() throws IOException {
        byte[] without = run(temporary.resolve("without"), nano("fashion-mnist", 4, 1), 2, -1);
        MaeOptions probed = nano("fashion-mnist", 4, 1).withWatch(new MaeOptions.Watch(2, 0, 2, 0, true));
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
                .map(event -> ((TrainingEvent.Evaluated) event).metrics().getOrDefault("probe_accuracy", Double.NaN))
                .toList();
    }

    @Test
    void a_run_from_before_there_were_probes_goes_on() throws IOException {
        Path path = temporary.resolve("old");
        run(path, nano("fashion-mnist", 3, 1), 1, 2);
        Path config = path.resolve("config.json");
        String text = Files.readString(config);
        String old = text.replaceFirst(",\\s*\"probe\" : false", "");
        assertThat(old).isNotEqualTo(text).doesNotContain("\"probe\" :");
        Files.writeString(config, old);
        run(path, nano("fashion-mnist", 3, 1), 1, -1);
        assertThat(MetricsLog.read(path.resolve("metrics.jsonl"))).hasSize(4); // three steps and an evaluation
    }

    @Test
    void a_probe_needs_classes() throws IOException {
        MaeOptions options = nano("images", 2, 1).withWatch(new MaeOptions.Watch(0, 0, 0, 0, true));
        assertThatThrownBy(() -> run(temporary.resolve("unlabelled"), options, 1, -1))
                .hasMessageContaining("a probe needs classes, but the images of ");
    }

    @Test
    void a_run_draws_what_it_fills_in() throws IOException {
        Path path = temporary.resolve("run");
        run(path, nano("fashion-mnist", 4, 1), 2, -1);
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
        Path images = temporary.resolve("images");
        Files.createDirectories(images);
        Path from = Path.of(golden("images"));
        for (String name : new String[] {"rgb.png", "grey.jpg", "cmyk.jpg", "lossy.webp", "lzw.tif", "frames.gif"}) {
            Files.copy(from.resolve(name), images.resolve(name));
        }
        Files.writeString(images.resolve("broken.png"), "no image");
        MaeOptions options = nano("images", 3, 2);
        MaeOptions.Images in = new MaeOptions.Images(images.toString(), 0.25, 0.2, true, false, 2);
        Path path = temporary.resolve("mixed");
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                RunFolder folder = RunFolder.create(path);
                MaePretraining run = MaePretraining.start(folder, options.withImages(in), backend, temporary)) {
            assertThat(run.model().encoder().config().channels()).isEqualTo(3);
            run.trainer(TrainingHooks.NONE).run();
            boolean heldOut = IntStream.range(0, run.data().heldOut().count())
                    .anyMatch(i -> run.data().heldOut().name(i).endsWith("broken.png"));
            assertThat(run.unreadable().count()).isEqualTo(heldOut ? 0 : 1);
        }
        MaeOptions.Images strict = new MaeOptions.Images(images.toString(), 0.25, 0.2, true, true, 2);
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                RunFolder folder = RunFolder.create(temporary.resolve("strict"))) {
            assertThatThrownBy(() -> {
                        try (var run = MaePretraining.start(folder, options.withImages(strict), backend, temporary)) {
                            run.trainer(TrainingHooks.NONE).run();
                        }
                    })
                    .hasMessageContaining("broken.png can not be read");
        }
    }

    /** CI-b: what is hidden is told better than by the simplest means, on images that were never learnt from. */
    @Test
    void fills_in_better_than_mean_colour_and_inverse_distance() throws IOException {
        MaeOptions o = MaeOptions.of("vit-nano-32").withSteps(400);
        MaeOptions.Size s = o.size();
        o = o.withImages(new MaeOptions.Images(golden("fashion-mnist"), 0.1, 0.6, true, false, 1))
                .withSize(new MaeOptions.Size(32, 4, 0, 64, 1, s.ratio(), false))
                .withWatch(new MaeOptions.Watch(0, 0, 0, 0));
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                RunFolder folder = RunFolder.create(temporary.resolve("filled"));
                MaePretraining run = MaePretraining.start(folder, o, backend, temporary)) {
            run.trainer(TrainingHooks.NONE).run();
            HeldOutImages.Marks marks = run.heldOut().marks();
            assertThat(marks.model()).isGreaterThan(marks.meanColour() + 2);
            assertThat(marks.model()).isGreaterThan(marks.inverseDistance() + 1);
        }
    }
}
