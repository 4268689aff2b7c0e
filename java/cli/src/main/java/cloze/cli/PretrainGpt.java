package cloze.cli;

import cloze.backend.Backend;
import cloze.model.GptConfig;
import cloze.serve.LanguageModel;
import cloze.task.GptOptions;
import cloze.task.GptPretraining;
import cloze.train.MetricsLog;
import cloze.train.RunFolder;
import cloze.train.StopOnExit;
import cloze.train.Trainer;
import cloze.train.TrainingEvent;
import cloze.train.TrainingHooks;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
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
final class PretrainGpt extends Subcommand {
    /** What may be said anew of a run that goes on. */
    private static final Set<String> AT_RESUME =
            Set.of("--resume", "--run", "--device", "--threads", "--memory", "--precision", "--json", "--stacktrace");

    @Mixin
    private final GptFlags flags = new GptFlags();

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description = "Folder of the run: config, tokenizer, weights, checkpoints, metrics, plot"
                    + " (default: runs/PRESET).")
    private @Nullable Path run;

    @Option(names = "--resume", description = "Go on with the run in the folder, with its options.")
    private boolean resume;

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Option(
            names = "--json",
            description = "Print the result as JSON on standard output; progress goes to standard error.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        GptOptions options = options();
        Path path = run == null ? Path.of("runs", flags.preset()) : run;
        try (Backend backend = device.open();
                RunFolder folder = resume ? RunFolder.resume(path) : RunFolder.create(path);
                GptPretraining training = resume
                        ? GptPretraining.resume(folder, backend, Cache.folder(), this::progress)
                        : GptPretraining.start(folder, options, backend, Cache.folder(), this::progress)) {
            err().println(backend.description().replace("\n", "; "));
            err().println(training.data());
            training.memory().require(backend);
            TrainingEvent.Ended ended = train(training);
            report(training, folder, ended);
        }
        return 0;
    }

    private GptOptions options() {
        PresetNames.check(GptConfig.presetNames(), flags.preset(), this);
        if (flags.hasBothBudgets()) {
            throw wrongUsage("--steps and --tokens exclude each other");
        }
        if (resume) {
            given().filter(name -> !AT_RESUME.contains(name)).findFirst().ifPresent(name -> {
                throw wrongUsage("--resume goes on with the options of the run: leave out " + name);
            });
        }
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

    private TrainingEvent.Ended train(GptPretraining training) throws IOException {
        try (var view = new TrainingView(err(), Terminal.isTerminal())) {
            TrainingHooks hooks = TrainingHooks.NONE.withListener(view).withSampling(step -> sample(training, step));
            Trainer trainer = training.trainer(hooks);
            try (var _ = StopOnExit.of(trainer)) {
                return trainer.run();
            }
        }
    }

    private static String sample(GptPretraining training, long step) {
        try (LanguageModel model = training.languageModel()) {
            return model.generate(
                    "", cloze.serve.Sampling.DEFAULT.withTokens(120).withSeed(step));
        }
    }

    private void report(GptPretraining training, RunFolder folder, TrainingEvent.Ended ended) throws IOException {
        if (ended.reason() == TrainingEvent.Reason.STOP_REQUESTED) {
            return;
        }
        var report = GptReport.of(training, MetricsLog.read(folder.metrics()), ended);
        LossPlot.tryToWrite(err(), folder.path(), "nats per token", report.events(), report.levels());
        if (json) {
            printJson(report.facts());
        } else {
            report.lines().forEach(out()::println);
            out().printf("%s: the model, its checkpoints, metrics.jsonl, loss.png%n", folder.path());
        }
        out().flush();
    }
}
