package cloze.recipe;

import cloze.backend.Backend;
import cloze.checkpoint.ConfigJson;
import cloze.eval.ClassAccuracy;
import cloze.image.LabelledImageSettings;
import cloze.model.VitClassifier;
import cloze.model.VitClassifierConfig;
import cloze.train.RunException;
import cloze.train.RunFolder;
import cloze.train.log.MetricsLog;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A comparison of pre-trained and random weights on few labels: an encoder is fine-tuned on a number of images of each
 * class, for several seeds, beside the same network from random weights, with the same settings and the same images.
 * Each of these runs has a folder of its own and, when it is done, a line in {@code results.jsonl}. Finished runs are
 * skipped.
 */
public final class FewLabelRuns {
    private static final String FILE = "few-labels.json";
    private static final String COMPARISON = "comparison";
    private static final String PER_CLASS = "perClass";
    private static final String SEEDS = "seeds";

    /** Trains one run. */
    @FunctionalInterface
    public interface Watcher {
        /** @return true if the run came to its end */
        boolean run(FewLabelResult.Cell cell, Run<VitClassifierConfig, VitClassifier> run) throws IOException;
    }

    /**
     * All runs of a comparison.
     *
     * @param preset of each run, except for labels, seed and start
     * @param perClass images of each class, 0 for all
     * @param seeds how many; the first is that of the preset
     */
    public record Plan(Preset<VitClassifierConfig> preset, List<Integer> perClass, int seeds) {
        public Plan {
            perClass = List.copyOf(perClass);
            if (seeds < 1 || perClass.isEmpty() || perClass.stream().anyMatch(n -> n < 0)) {
                throw new IllegalArgumentException(String.format(
                        Locale.ROOT, "seeds and labels a class must be 1 or more, but are %d and %s", seeds, perClass));
            }
        }

        /** All runs in order; the two that are compared are adjacent. */
        public List<FewLabelResult.Cell> cells() {
            List<FewLabelResult.Cell> cells = new ArrayList<>();
            for (int labels : perClass) {
                for (int i = 0; i < seeds; i++) {
                    for (boolean scratch : new boolean[] {false, true}) {
                        cells.add(new FewLabelResult.Cell(
                                scratch, labels, preset.settings().seed() + i));
                    }
                }
            }
            return cells;
        }

        private Preset<VitClassifierConfig> preset(FewLabelResult.Cell cell) {
            var data = (LabelledImageSettings) preset.data();
            return preset.withStart(new Start(preset.start().checkpoint(), cell.scratch()))
                    .withData(data.withPerClass(cell.perClass()))
                    .withSeed(cell.seed());
        }
    }

    private final Path folder;
    private final Plan plan;

    private FewLabelRuns(Path folder, Plan plan) {
        this.folder = folder;
        this.plan = plan;
    }

    /**
     * Begins in a folder of their own.
     *
     * @throws RunException if it holds such runs already
     */
    public static FewLabelRuns start(Path folder, Plan plan) throws IOException {
        Path file = folder.resolve(FILE);
        if (Files.exists(file)) {
            throw new RunException(String.format(
                    Locale.ROOT,
                    "%s already holds runs (%s): go on with them by --resume, or choose another folder",
                    folder,
                    FILE));
        }
        Files.createDirectories(folder);
        Map<String, Object> json = new StoredRun<>(Recipes.CLASSIFIER, plan.preset).json();
        var comparison = new LinkedHashMap<String, Object>();
        comparison.put(PER_CLASS, plan.perClass);
        comparison.put(SEEDS, plan.seeds);
        json.put(COMPARISON, comparison);
        ConfigJson.write(file, json);
        return new FewLabelRuns(folder, plan);
    }

    /** True if a folder holds such a comparison. */
    public static boolean isIn(Path folder) {
        return Files.exists(folder.resolve(FILE));
    }

    /** Continues the comparison in a folder. */
    public static FewLabelRuns resume(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder.resolve(FILE));
        boolean earlier = json.has("options");
        Preset<VitClassifierConfig> preset = earlier
                ? earlier(json.object("options"))
                : StoredRun.parse(Recipes.CLASSIFIER, json).preset();
        ConfigJson comparison = earlier ? json : json.object(COMPARISON);
        List<Integer> perClass =
                comparison.numbers(PER_CLASS).stream().map(Double::intValue).toList();
        return new FewLabelRuns(folder, new Plan(preset, perClass, comparison.whole(SEEDS)));
    }

    /** Options as they were kept before there were recipes. */
    private static Preset<VitClassifierConfig> earlier(ConfigJson options) throws IOException {
        Path checkpoint = Path.of(options.object("begin").text("checkpoint", ""));
        VitClassifierConfig usual = Recipes.CLASSIFIER.preset(checkpoint).model();
        int side = options.object("size").whole("image", 0);
        var config = new VitClassifierConfig(
                side == 0 ? usual.encoder() : usual.encoder().withImage(side),
                usual.classes(),
                EarlierRuns.pooling(options.object("begin")),
                options.object("regularization").number("dropPath", 0));
        return EarlierRuns.finetuning(config, options, options, List.of());
    }

    public Plan plan() {
        return plan;
    }

    /** The results so far. */
    public FewLabelResults results() throws IOException {
        return FewLabelResults.read(folder);
    }

    /**
     * Trains the runs that are not done yet.
     *
     * @return true if all is done
     */
    public boolean run(Backend backend, Opening opening, Watcher watcher) throws IOException {
        for (FewLabelResult.Cell cell : plan.cells()) {
            if (!results().has(cell) && !run(cell, backend, opening, watcher)) {
                return false;
            }
        }
        return true;
    }

    private boolean run(FewLabelResult.Cell cell, Backend backend, Opening opening, Watcher watcher)
            throws IOException {
        Path path = folder.resolve(cell.name());
        boolean fresh = !Files.exists(path.resolve("config.json"));
        try (RunFolder own = fresh ? RunFolder.create(path) : RunFolder.resume(path);
                Run<VitClassifierConfig, VitClassifier> run = fresh
                        ? Run.start(own, Recipes.CLASSIFIER, plan.preset(cell), backend, opening)
                        : Run.resume(own, Recipes.CLASSIFIER, backend, opening)) {
            if (!watcher.run(cell, run)) {
                return false;
            }
            FewLabelResults.add(folder, result(cell, MetricsLog.read(own.metrics())));
            return true;
        }
    }

    private static FewLabelResult result(FewLabelResult.Cell cell, List<TrainingEvent> events) {
        TrainingEvent.Evaluated last = events.stream()
                .filter(TrainingEvent.Evaluated.class::isInstance)
                .map(TrainingEvent.Evaluated.class::cast)
                .reduce((_, next) -> next)
                .orElseThrow(() -> new IllegalStateException(cell.name() + " was not evaluated"));
        return new FewLabelResult(
                cell,
                last.metrics().getOrDefault(ClassAccuracy.ACCURACY, Double.NaN),
                last.metrics().getOrDefault(ClassAccuracy.LOSS, Double.NaN),
                last.step(),
                last.seconds());
    }
}
