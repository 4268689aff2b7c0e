package cloze.cli.train;

import cloze.backend.Backend;
import cloze.cli.plot.FewLabelPlot;
import cloze.model.VitClassifierConfig;
import cloze.recipe.ClassifierRecipe;
import cloze.recipe.FewLabelResult;
import cloze.recipe.FewLabelResults;
import cloze.recipe.FewLabelRuns;
import cloze.recipe.Preset;
import cloze.recipe.Recipes;
import cloze.recipe.Run;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** {@code cloze finetune}. */
@Command(
        name = "finetune",
        sortOptions = false,
        description = "Trains a pre-trained image encoder as a whole to classify images, as masked autoencoders are"
                + " fine-tuned. With --labels-per-class it measures the gain of pre-training for"
                + " few labels: a table of accuracies beside the same network from random weights. Ctrl-C saves a"
                + " checkpoint first; --resume goes on from it, to the same bits.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze finetune --checkpoint runs/cifar --data cifar-10 --run runs/classes",
            "  cloze finetune --checkpoint runs/cifar --labels-per-class 10,50,250 --seeds 3 --run runs/few",
            "  cloze finetune --checkpoint vit-mae-base --data photos/ --run runs/photos",
            "  cloze finetune --resume --run runs/few"
        })
public final class Finetune extends TrainingCommand {
    private static final String ALL = "all";
    private static final String CHECKPOINT = "start.checkpoint";
    private static final String SCRATCH = "start.scratch";
    private static final Path RUN = Path.of("runs", "finetuned");

    private final ClassifierRecipe recipe = Recipes.CLASSIFIER;
    private SettingOptions options = new SettingOptions();

    @Option(
            names = "--labels-per-class",
            paramLabel = "N",
            split = ",",
            description =
                    "Train on this many images of each class, such as 10,50,250,all: each for several seeds and beside"
                            + " the same network from random weights (default: one run on all images).")
    private List<String> labels = List.of();

    @Option(
            names = "--seeds",
            paramLabel = "N",
            description = "Runs for each of --labels-per-class, with other images and weights (default: 3).")
    private @Nullable Integer seeds;

    /** For picocli. */
    public Finetune() {}

    /** The command with the options of the recipe's settings. */
    public static CommandLine commandLine() {
        var command = new Finetune();
        CommandSpec spec = CommandSpec.forAnnotatedObject(command);
        command.options = SettingOptions.add(spec, command.recipe, command.recipe.preset());
        return new CommandLine(spec);
    }

    @Override
    public Integer call() throws IOException {
        refuseOptionsAtResume();
        Path path = run(RUN);
        if (resumes()) {
            return FewLabelRuns.isIn(path)
                    ? fewLabels(path, FewLabelRuns.resume(path))
                    : execute(path, (folder, backend) -> Run.resume(folder, recipe, backend, opening()));
        }
        List<Integer> perClass = perClass();
        Preset<VitClassifierConfig> preset = preset(perClass);
        if (perClass.isEmpty()) {
            return execute(path, (folder, backend) -> Run.start(folder, recipe, preset, backend, opening()));
        }
        var plan = new FewLabelRuns.Plan(preset, perClass, seeds == null ? 3 : seeds);
        return fewLabels(path, FewLabelRuns.start(path, plan));
    }

    private Preset<VitClassifierConfig> preset(List<Integer> perClass) throws IOException {
        Map<String, Object> given = options.given(parsed());
        if (!(given.get(CHECKPOINT) instanceof String checkpoint)) {
            throw wrongUsage("--checkpoint is missing: the folder of a pre-trained encoder");
        }
        if (perClass.isEmpty() && seeds != null) {
            throw wrongUsage("--seeds is for --labels-per-class");
        }
        if (seeds != null && seeds < 1) {
            throw wrongUsage("--seeds must be 1 or more, but it is " + seeds);
        }
        if (!perClass.isEmpty() && given.containsKey(SCRATCH)) {
            throw wrongUsage("--labels-per-class compares with random weights anyway: leave out --from-scratch");
        }
        try {
            var _ = recipe.preset().with(given); // checks before the checkpoint is read
            return recipe.preset(Path.of(checkpoint)).with(given);
        } catch (IllegalArgumentException e) {
            throw wrongUsage("" + e.getMessage());
        }
    }

    /** Images of each class, 0 for all; none for one run on all. */
    private List<Integer> perClass() {
        List<Integer> numbers = new ArrayList<>();
        for (String label : labels) {
            boolean all = label.equals(ALL);
            if (!all && !label.matches("[1-9][0-9]{0,8}")) {
                throw wrongUsage(String.format(
                        Locale.ROOT, "--labels-per-class must be numbers from 1 up, or all, but one is '%s'", label));
            }
            numbers.add(all ? 0 : Integer.parseInt(label));
        }
        return numbers;
    }

    private int fewLabels(Path path, FewLabelRuns runs) throws IOException {
        List<FewLabelResult.Cell> cells = runs.plan().cells();
        boolean done;
        try (Backend backend = device().open()) {
            err().println(backend.description().replace("\n", "; "));
            done = runs.run(backend, opening(), (cell, run) -> {
                err().printf(
                                Locale.ROOT,
                                "%s, run %d of %d: %s%n",
                                cell.name(),
                                cells.indexOf(cell) + 1,
                                cells.size(),
                                run.describe());
                return train(run, backend);
            });
        }
        FewLabelResults results = runs.results();
        if (!done) {
            err().printf(
                            Locale.ROOT,
                            "%d of %d runs are done; --resume goes on%n",
                            results.all().size(),
                            cells.size());
        } else {
            FewLabelPlot.tryToWrite(err(), path, results);
            if (json()) {
                printJson(FewLabelTable.facts(results));
            } else {
                FewLabelTable.lines(results).forEach(out()::println);
                out().printf(Locale.ROOT, "%s: a folder for each run, results.jsonl, few-labels.png%n", path);
            }
        }
        out().flush();
        return 0;
    }
}
