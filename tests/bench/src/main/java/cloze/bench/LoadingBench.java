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
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * How fast a masked autoencoder trains on images that are read, cropped and mirrored as it goes, beside the same steps on
 * batches that lie ready. The two take turns, by the clock on the wall. What reading an image and learning from it take of
 * CPU time, each for itself, does not depend on what else runs.
 */
final class LoadingBench {
    private static final int IMAGES = 64; // in a batch of small ones

    /** @param images name of a set, or a folder */
    private record Case(String label, String images, MaeConfig config, int batch) {
        Case(String label, String images, String preset, int batch) {
            this(label, images, MaeConfig.preset(preset), batch);
        }

        Case of(String folder) {
            return new Case(label, folder, config, batch);
        }
    }

    private static final List<Case> SETS = List.of(
            new Case("CIFAR-10, vit-nano-32", ImageData.CIFAR_10, "vit-nano-32", IMAGES),
            new Case("CIFAR-10, vit-tiny-32", ImageData.CIFAR_10, "vit-tiny-32", IMAGES),
            new Case("Fashion-MNIST, vit-nano-32", ImageData.FASHION_MNIST, "vit-nano-32", IMAGES),
            new Case("Fashion-MNIST, vit-tiny-32", ImageData.FASHION_MNIST, "vit-tiny-32", IMAGES));

    /** JPEG files of 640 x 512, the larger models with the paper's decoder. */
    private static final List<Case> PHOTOGRAPHS = List.of(
            new Case("JPEG to 64, vit-tiny-64", "", "vit-tiny-64", IMAGES),
            new Case("JPEG to 224, vit-small", "", "vit-small", 4),
            new Case("JPEG to 224, vit-base", "", "vit-base", 4));

    private static final int READERS = 2;
    private static final int STEPS = 4; // of a turn
    private static final int READY = 8; // batches
    private static final int LEAST_ROUNDS = 3;
    private static final long SEED = 1;

    private final Backend backend;
    private final BenchOptions options;
    private final Report report;
    private final OperatingSystemMXBean process = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

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
                "share",
                "rounds");
        Path cache = Path.of(System.getProperty("user.home"), ".cache", "cloze");
        for (Case each : SETS) {
            if (each.label().contains(options.only())) {
                run(each, cache);
            }
        }
        List<Case> files = PHOTOGRAPHS.stream()
                .filter(each -> each.label().contains(options.only()))
                .toList();
        if (!files.isEmpty()) {
            try (var folder = JpegFolder.make(cache)) {
                for (Case each : files) {
                    run(each.of(folder.path().toString()), cache);
                }
            }
        }
    }

    private void run(Case what, Path cache) throws IOException {
        try (ImageData data = ImageData.open(what.images(), cache, 0.1)) {
            compare(what, data.train());
        }
    }

    private void compare(Case what, ImageSet set) throws IOException {
        int channels = set.read(0).channels();
        MaeConfig config = what.config()
                .withImage(what.config().image(), channels, what.config().patch());
        var augmentation = Augmentation.crop(config.image(), Normalization.of(set, channels));
        double reading = reading(set, augmentation);
        List<ImageBatch> ready = new ArrayList<>();
        for (int i = 0; i < READY; i++) {
            ready.add(ImageBatches.read(set, augmentation, what.batch(), SEED + i, new Unreadable(true)));
        }
        var images = new WatchedImages(set);
        try (var batches = new ImageBatches(images, augmentation, what.batch(), SEED, READERS, new Unreadable(true));
                var step = new MaeStep(backend, new MaeShape(what.batch(), config))) {
            var next = new long[2];
            int each = STEPS * what.batch();
            steps(step, ready::getFirst); // warms up
            double learning = cpu(() -> steps(step, ready::getFirst)) / each;
            steps(step, () -> batches.at(next[0]++));
            Rounds rounds = Rounds.alternate(
                    options.seconds(),
                    LEAST_ROUNDS,
                    () -> wall(images, () -> steps(step, () -> batches.at(next[0]++))),
                    () -> wall(images, () -> steps(step, () -> ready.get((int) (next[1]++ % READY)))));
            report.row(
                    what.label(),
                    Report.number("%.0f", each * 1e9 / rounds.ours()),
                    Report.number("%.0f", each * 1e9 / rounds.peer()),
                    Report.ratio(rounds.ratio(), 0.9),
                    Report.number("%.0f", reading / 1e3),
                    Report.number("%.0f", learning / 1e3),
                    Report.number("%.1f %%", 100 * reading / learning),
                    Integer.toString(rounds.count()));
        }
    }

    /** The ns of {@code work} and of what is read ahead meanwhile, as much as the work takes away. */
    private static double wall(WatchedImages images, Runnable work) {
        images.end();
        long begin = System.nanoTime();
        work.run();
        long end = System.nanoTime();
        return Math.max(end, images.end()) - begin;
    }

    /** The ns that all threads of the process compute. */
    private double cpu(Runnable work) {
        long begin = process.getProcessCpuTime();
        work.run();
        return process.getProcessCpuTime() - begin;
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
            ImageBatches.read(images, augmentation, IMAGES, SEED + i, new Unreadable(true));
            last = (double) (clock.now() - begin) / IMAGES;
        }
        return last;
    }
}
