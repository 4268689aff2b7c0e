package cloze.cli.train;

import cloze.backend.Backend;
import cloze.cli.Cache;
import cloze.cli.plot.FewLabelPlot;
import cloze.foreign.VitFolder;
import cloze.image.ImageData;
import cloze.recipe.FewLabelResult;
import cloze.recipe.FewLabelResults;
import cloze.recipe.FewLabelRuns;
import cloze.recipe.FinetuneOptions;
import cloze.recipe.Finetuning;
import cloze.train.RunFolder;
import cloze.train.log.MetricsLog;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze finetune}. */
@Command(
        name = "finetune",
        sortOptions = false,
        description = "Trains a pre-trained image encoder to tell classes apart, as a whole, as masked autoencoders are"
                + " fine-tuned. With --labels-per-class it tells what the pre-training is worth where labels are"
                + " few: a table of accuracies beside the same network from random weights. Ctrl-C saves a"
                + " checkpoint first; --resume goes on from it, to the same bits.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze finetune --checkpoint runs/cifar --data cifar-10 --run runs/classes",
            "  cloze finetune --checkpoint runs/cifar --labels-per-class 10,50,250 --seeds 3 --run runs/few",
            "  cloze finetune --checkpoint vit-mae-base --data photos/ --run runs/photos",
            "  cloze finetune --resume --run runs/few"
        })
public final class Finetune extends TrainingCommand {
    @Option(
            names = "--checkpoint",
            paramLabel = "DIR",
            description = "The pre-trained encoder: a run folder, or one of Hugging Face or timm.")
    private @Nullable Path checkpoint;

    @Mixin
    private final FinetuneFlags flags = new FinetuneFlags();

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description =
                    "Folder of the run: config, weights, checkpoints, metrics, pictures (default: runs/finetuned).")
    private Path run = Path.of("runs", "finetuned");

    @Override
    public Integer call() throws IOException {
        FinetuneOptions options = resumes() ? recorded() : options();
        FinetuneOptions.Images images = options.images();
        try (Backend backend = device().open();
                ImageData data = ImageData.open(images.data(), Cache.folder(), images.heldOut())) {
            err().println(backend.description().replace("\n", "; "));
            if (resumes() ? FewLabelRuns.isIn(run) : !perClass().isEmpty()) {
                fewLabels(options, data, backend);
            } else {
                single(options, data, backend);
            }
        }
        out().flush();
        return 0;
    }

    private FinetuneOptions recorded() throws IOException {
        refuseOptionsAtResume();
        return FewLabelRuns.isIn(run) ? FewLabelRuns.resume(run).plan().options() : Finetuning.options(run);
    }

    private List<Integer> perClass() {
        try {
            return flags.perClass();
        } catch (IllegalArgumentException e) {
            throw wrongUsage(String.valueOf(e.getMessage()));
        }
    }

    private FinetuneOptions options() throws IOException {
        if (checkpoint == null) {
            throw wrongUsage("--checkpoint is missing: the folder of a pre-trained encoder");
        }
        if (flags.hasBothBudgets()) {
            throw wrongUsage("--steps and --epochs exclude each other");
        }
        if (perClass().isEmpty() && flags.hasSeeds()) {
            throw wrongUsage("--seeds is for --labels-per-class");
        }
        if (flags.seeds() < 1) {
            throw wrongUsage("--seeds must be 1 or more, but it is " + flags.seeds());
        }
        if (!perClass().isEmpty() && flags.scratch()) {
            throw wrongUsage("--labels-per-class compares with random weights anyway: leave out --from-scratch");
        }
        int side = VitFolder.config(checkpoint).image();
        try {
            return flags.options(checkpoint.toString(), side);
        } catch (IllegalArgumentException e) {
            throw wrongUsage("finetune", e);
        }
    }

    private void single(FinetuneOptions options, ImageData data, Backend backend) throws IOException {
        try (RunFolder folder = resumes() ? RunFolder.resume(run) : RunFolder.create(run);
                Finetuning finetuning = resumes()
                        ? Finetuning.resume(folder, data, backend)
                        : Finetuning.start(folder, options, data, backend)) {
            err().printf(
                            "%,d images to learn from, %,d held out, %d classes%n",
                            finetuning.train().count(),
                            data.heldOut().count(),
                            finetuning.model().config().classes());
            if (train(finetuning, backend)) {
                List<TrainingEvent> events = MetricsLog.read(folder.metrics());
                FinetuneReport.draw(err(), folder.path(), events);
                if (json()) {
                    printJson(
                            FinetuneReport.facts(events, finetuning.unreadable().count()));
                } else {
                    out().println(FinetuneReport.last(events));
                    out().printf("%s: the model, its checkpoints, metrics.jsonl, loss.png%n", folder.path());
                }
            }
        }
    }

    private void fewLabels(FinetuneOptions options, ImageData data, Backend backend) throws IOException {
        FewLabelRuns runs = resumes()
                ? FewLabelRuns.resume(run)
                : FewLabelRuns.start(run, new FewLabelRuns.Plan(options, perClass(), flags.seeds()));
        List<FewLabelResult.Cell> cells = runs.plan().cells();
        boolean done = runs.run(data, backend, (cell, finetuning) -> {
            err().printf(
                            "%s, run %d of %d: %,d images to learn from, %,d held out%n",
                            cell.name(),
                            cells.indexOf(cell) + 1,
                            cells.size(),
                            finetuning.train().count(),
                            data.heldOut().count());
            return train(finetuning, backend);
        });
        FewLabelResults results = runs.results();
        if (!done) {
            err().printf(
                            "%d of %d runs are done; --resume goes on%n",
                            results.all().size(), cells.size());
            return;
        }
        FewLabelPlot.tryToWrite(err(), run, results);
        if (json()) {
            printJson(FinetuneReport.facts(results));
        } else {
            FinetuneReport.table(results).forEach(out()::println);
            out().printf("%s: a folder for each run, results.jsonl, few-labels.png%n", run);
        }
    }

    /** @return whether the run came to its end */
    private boolean train(Finetuning finetuning, Backend backend) throws IOException {
        finetuning.memory().require(backend);
        TrainingEvent.Ended ended = train(finetuning::trainer);
        int left = finetuning.unreadable().count();
        if (left > 0) {
            err().printf("%,d images could not be read and were left out%n", left);
        }
        return ended.reason() != TrainingEvent.Reason.STOP_REQUESTED;
    }
}
