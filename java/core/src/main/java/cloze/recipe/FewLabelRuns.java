package cloze.recipe;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.image.ImageData;
import cloze.train.RunException;
import cloze.train.RunFolder;
import cloze.train.log.MetricsLog;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a pre-trained encoder is worth where labels are few: it is fine-tuned on so many images of each class, for several
 * seeds, beside the same network from random weights, with the same recipe and the same images. Each of these runs has a
 * folder of its own and, when it is done, a line in {@code results.jsonl}; it is not run again.
 */
public final class FewLabelRuns {
    /** Does one run, and says whether it came to its end. */
    @FunctionalInterface
    public interface Watcher {
        boolean run(FewLabelResult.Cell cell, Finetuning finetuning) throws IOException;
    }

    private static final String FILE = "few-labels.json";
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    /**
     * All that is to be run.
     *
     * @param options of each run, but for what the others say
     * @param perClass images of each class, 0 for all
     * @param seeds how many; the first is that of the options
     */
    public record Plan(FinetuneOptions options, List<Integer> perClass, int seeds) {
        public Plan {
            perClass = List.copyOf(perClass);
            if (seeds < 1 || perClass.isEmpty() || perClass.stream().anyMatch(n -> n < 0)) {
                throw new IllegalArgumentException(
                        "seeds and labels a class must be 1 or more, but are %d and %s".formatted(seeds, perClass));
            }
        }

        /** Each run, in order: beside each other the two that are compared. */
        public List<FewLabelResult.Cell> cells() {
            List<FewLabelResult.Cell> cells = new ArrayList<>();
            for (int labels : perClass) {
                for (int i = 0; i < seeds; i++) {
                    for (boolean scratch : new boolean[] {false, true}) {
                        cells.add(new FewLabelResult.Cell(scratch, labels, options.seed() + i));
                    }
                }
            }
            return cells;
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
            throw new RunException("%s already holds runs (%s): go on with them by --resume, or choose another folder"
                    .formatted(folder, FILE));
        }
        Files.createDirectories(folder);
        Files.write(file, JSON.writeValueAsBytes(plan));
        return new FewLabelRuns(folder, plan);
    }

    /** Whether a folder holds such runs. */
    public static boolean isIn(Path folder) {
        return Files.exists(folder.resolve(FILE));
    }

    /** Goes on with what a folder holds. */
    public static FewLabelRuns resume(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        try {
            return new FewLabelRuns(folder, JSON.readValue(Files.readAllBytes(file), Plan.class));
        } catch (JacksonException e) {
            throw new CheckpointException(file, "no plan of runs: " + e.getOriginalMessage());
        }
    }

    public Plan plan() {
        return plan;
    }

    /** What is done so far. */
    public FewLabelResults results() throws IOException {
        return FewLabelResults.read(folder);
    }

    /**
     * Does what is not done yet.
     *
     * @return whether all is done
     */
    public boolean run(ImageData data, Backend backend, Watcher watcher) throws IOException {
        for (FewLabelResult.Cell cell : plan.cells()) {
            if (!results().has(cell) && !run(cell, data, backend, watcher)) {
                return false;
            }
        }
        return true;
    }

    private boolean run(FewLabelResult.Cell cell, ImageData data, Backend backend, Watcher watcher) throws IOException {
        Path path = folder.resolve(cell.name());
        boolean fresh = !Files.exists(path.resolve("config.json"));
        FinetuneOptions own = plan.options()
                .withScratch(cell.scratch())
                .withImages(plan.options().images().withPerClass(cell.perClass()))
                .withSeed(cell.seed());
        try (RunFolder run = fresh ? RunFolder.create(path) : RunFolder.resume(path);
                Finetuning finetuning =
                        fresh ? Finetuning.start(run, own, data, backend) : Finetuning.resume(run, data, backend)) {
            if (!watcher.run(cell, finetuning)) {
                return false;
            }
            FewLabelResults.add(folder, result(cell, MetricsLog.read(run.metrics())));
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
                last.metrics().getOrDefault("val_accuracy", Double.NaN),
                last.metrics().getOrDefault("val_loss", Double.NaN),
                last.step(),
                last.seconds());
    }
}
