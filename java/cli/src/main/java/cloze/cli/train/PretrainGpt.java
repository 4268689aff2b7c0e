package cloze.cli.train;

import cloze.backend.Backend;
import cloze.cli.Cache;
import cloze.cli.Sizes;
import cloze.cli.plot.LossPlot;
import cloze.model.GptConfig;
import cloze.recipe.GptOptions;
import cloze.recipe.GptPretraining;
import cloze.serve.LanguageModel;
import cloze.train.RunFolder;
import cloze.train.log.MetricsLog;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze pretrain gpt}. */
@Command(
        name = "gpt",
        sortOptions = false,
        description =
                "Trains a GPT on text, into a run folder. Ctrl-C saves a checkpoint first; --resume goes on from it,"
                        + " to the same bits as a run that was not interrupted.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze pretrain gpt",
            "  cloze pretrain gpt --data book.txt --steps 1000 --run runs/book",
            "  cloze pretrain gpt --resume --run runs/book",
            "  cloze pretrain gpt --preset baby --data shakespeare.txt --memory 8GiB"
        })
final class PretrainGpt extends TrainingCommand {
    @Mixin
    private final GptFlags flags = new GptFlags();

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description = "Folder of the run: config, tokenizer, weights, checkpoints, metrics, plot"
                    + " (default: runs/PRESET).")
    private @Nullable Path run;

    @Override
    public Integer call() throws IOException {
        GptOptions options = options();
        Path path = run == null ? Path.of("runs", flags.preset()) : run;
        try (Backend backend = device().open();
                RunFolder folder = resumes() ? RunFolder.resume(path) : RunFolder.create(path);
                GptPretraining training = resumes()
                        ? GptPretraining.resume(folder, backend, Cache.folder(), this::progress)
                        : GptPretraining.start(folder, options, backend, Cache.folder(), this::progress)) {
            err().println(backend.description().replace("\n", "; "));
            err().println(training.data());
            training.memory().require(backend);
            TrainingEvent.Ended ended =
                    train(hooks -> training.trainer(hooks.withSampling(step -> sample(training, step))));
            report(training, folder, ended);
        }
        return 0;
    }

    private GptOptions options() {
        PresetNames.check(GptConfig.presetNames(), flags.preset(), this);
        if (flags.hasBothBudgets()) {
            throw wrongUsage("--steps and --tokens exclude each other");
        }
        refuseOptionsAtResume();
        try {
            return flags.options();
        } catch (IllegalArgumentException e) {
            throw wrongUsage("pretrain gpt", e);
        }
    }

    private void progress(long done, long total, String unit) {
        if (total > 0) {
            err().printf(
                            "reading the text: %s of %s %s%n",
                            Sizes.count((double) done), Sizes.count((double) total), unit);
        }
    }

    private static String sample(GptPretraining training, long step) {
        try (LanguageModel model = training.languageModel()) {
            return model.generate(
                    "", cloze.generate.Sampling.DEFAULT.withTokens(120).withSeed(step));
        }
    }

    private void report(GptPretraining training, RunFolder folder, TrainingEvent.Ended ended) throws IOException {
        if (ended.reason() == TrainingEvent.Reason.STOP_REQUESTED) {
            return;
        }
        var report = GptReport.of(training, MetricsLog.read(folder.metrics()), ended);
        LossPlot.tryToWrite(err(), folder.path(), "nats per token", report.events(), report.levels());
        if (json()) {
            printJson(report.facts());
        } else {
            report.lines().forEach(out()::println);
            out().printf("%s: the model, its checkpoints, metrics.jsonl, loss.png%n", folder.path());
        }
        out().flush();
    }
}
