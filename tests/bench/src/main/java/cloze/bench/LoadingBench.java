package cloze.bench;

import cloze.backend.Backend;
import cloze.bench.ours.MaeStep;
import cloze.image.Augmentation;
import cloze.image.ImageBatch;
import cloze.image.ImageBatches;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.Normalization;
import cloze.image.Unreadable;
import cloze.model.MaeConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * How fast a masked autoencoder trains on images that are read, cropped and mirrored as it goes, beside the same steps on
 * batches that lie ready. The two take turns, by the clock on the wall.
 */
final class LoadingBench {
    private static final String JPEG = "JPEG of 640 x 512, vit-tiny-64";
    private static final int BATCH = 64;
    private static final int READERS = 2;
    private static final int STEPS = 4; // of a turn
    private static final int READY = 8; // batches
    private static final int LEAST_ROUNDS = 3;
    private static final long SEED = 1;

    private final Backend backend;
    private final BenchOptions options;
    private final Report report;

    LoadingBench(Backend backend, BenchOptions options, Report report) {
        this.backend = backend;
        this.options = options;
        this.report = report;
    }

    void run() throws IOException {
        report.heading("Training while images are read");
        report.columns(
                "images",
                "read, images/s",
                "ready, images/s",
                "ratio",
                "us to read an image",
                "us to learn from it",
                "rounds");
        Path cache = Path.of(System.getProperty("user.home"), ".cache", "cloze");
        set("CIFAR-10, vit-tiny-32", "vit-tiny-32", ImageData.CIFAR_10, cache);
        set("Fashion-MNIST, vit-tiny-32", "vit-tiny-32", ImageData.FASHION_MNIST, cache);
        if (JPEG.contains(options.only())) {
            try (var folder = JpegFolder.make(cache)) {
                set(JPEG, "vit-tiny-64", folder.path().toString(), cache);
            }
        }
    }

    private void set(String label, String preset, String name, Path cache) throws IOException {
        if (!label.contains(options.only())) {
            return;
        }
        try (ImageData data = ImageData.open(name, cache, 0.1)) {
            compare(label, MaeConfig.preset(preset), data.train());
        }
    }

    private void compare(String label, MaeConfig preset, ImageSet images) throws IOException {
        int channels = images.read(0).channels();
        MaeConfig config = preset.withImage(preset.image(), channels, preset.patch());
        var augmentation = Augmentation.crop(config.image(), Normalization.of(images, channels));
        double reading = reading(images, augmentation);
        try (var batches = new ImageBatches(images, augmentation, BATCH, SEED, READERS, new Unreadable(true));
                var step = new MaeStep(backend, new MaeShape(BATCH, config))) {
            List<ImageBatch> ready = new ArrayList<>();
            for (int i = 0; i < READY; i++) {
                ready.add(batches.at(i));
            }
            var next = new long[] {READY, 0};
            var wall = new Clock(2);
            steps(step, ready::getFirst); // warms up
            double learning = new Clock(1).time(() -> step.run(ready.getFirst().pixels())) / BATCH;
            Rounds rounds = Rounds.alternate(
                    options.seconds(),
                    LEAST_ROUNDS,
                    () -> wall.time(() -> steps(step, () -> batches.at(next[0]++))),
                    () -> wall.time(() -> steps(step, () -> ready.get((int) (next[1]++ % READY)))));
            report.row(
                    label,
                    Report.number("%.0f", STEPS * BATCH * 1e9 / rounds.ours()),
                    Report.number("%.0f", STEPS * BATCH * 1e9 / rounds.peer()),
                    Report.ratio(rounds.ratio(), 0.9),
                    Report.number("%.0f", reading / 1e3),
                    options.threads() > 1 ? "" : Report.number("%.0f", learning / 1e3),
                    Integer.toString(rounds.count()));
        }
    }

    @FunctionalInterface
    private interface Source {
        ImageBatch next() throws IOException;
    }

    private static void steps(MaeStep step, Source source) {
        try {
            for (int i = 0; i < STEPS; i++) {
                step.run(source.next().pixels());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** CPU time that an image takes on one thread, in ns, when the code is warm. */
    private static double reading(ImageSet images, Augmentation augmentation) throws IOException {
        var clock = new Clock(1);
        double last = 0;
        for (int i = 0; i < READY; i++) {
            long begin = clock.now();
            ImageBatches.read(images, augmentation, Math.min(BATCH, images.count()), SEED + i, new Unreadable(true));
            last = (double) (clock.now() - begin) / Math.min(BATCH, images.count());
        }
        return last;
    }
}
