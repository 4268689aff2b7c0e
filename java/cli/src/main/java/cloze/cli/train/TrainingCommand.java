package cloze.cli.train;

import cloze.backend.Backend;
import cloze.cli.Cache;
import cloze.cli.DeviceOptions;
import cloze.cli.Sizes;
import cloze.cli.Subcommand;
import cloze.cli.Terminal;
import cloze.cli.plot.LossPlot;
import cloze.recipe.Opening;
import cloze.recipe.Run;
import cloze.recipe.Summary;
import cloze.train.RunFolder;
import cloze.train.StopOnExit;
import cloze.train.Trainer;
import cloze.train.TrainingHooks;
import cloze.train.log.MetricsLog;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A command that trains into a run folder. */
abstract class TrainingCommand extends Subcommand {
    /** Options that may change when a run is resumed. */
    private static final Set<String> AT_RESUME =
            Set.of("--resume", "--run", "--device", "--threads", "--memory", "--precision", "--json", "--stacktrace");

    @Option(names = "--resume", description = "Resume the run in the folder, with its settings.")
    private boolean resume;

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description = "Folder of the run: config, weights, checkpoints, metrics, pictures.")
    private @Nullable Path run;

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Option(
            names = "--json",
            description = "Print the result as JSON on standard output; progress goes to standard error.")
    private boolean json;

    final boolean resumes() {
        return resume;
    }

    /** @param usual the folder if none is named */
    final Path run(Path usual) {
        return run == null ? usual : run;
    }

    final @Nullable Path run() {
        return run;
    }

    final DeviceOptions device() {
        return device;
    }

    final boolean json() {
        return json;
    }

    /** Rejects settings for a resumed run, which keeps its own. */
    final void refuseOptionsAtResume() {
        if (resume) {
            given().filter(name -> !AT_RESUME.contains(name)).findFirst().ifPresent(name -> {
                throw wrongUsage("--resume goes on with the settings of the run: leave out " + name);
            });
        }
    }

    final Opening opening() {
        return new Opening(Cache.folder(), this::reading, null);
    }

    private void reading(long done, long total, String unit) {
        if (total > 0) {
            err().printf(
                            Locale.ROOT,
                            "reading the data: %s of %s %s%n",
                            Sizes.count((double) done),
                            Sizes.count((double) total),
                            unit);
        }
    }

    /** Opens a run in its folder. */
    @FunctionalInterface
    interface Opener {
        Run<?, ?> open(RunFolder folder, Backend backend) throws IOException;
    }

    /** Trains a run to its end and reports. */
    final int execute(Path path, Opener opener) throws IOException {
        try (Backend backend = device.open();
                RunFolder folder = resume ? RunFolder.resume(path) : RunFolder.create(path);
                Run<?, ?> opened = opener.open(folder, backend)) {
            err().println(backend.description().replace("\n", "; "));
            err().println(opened.describe());
            if (train(opened, backend)) {
                report(opened);
            }
        }
        out().flush();
        return 0;
    }

    /**
     * Trains to the end, or until the process is asked to end.
     *
     * @return true if the run came to its end
     */
    final boolean train(Run<?, ?> opened, Backend backend) throws IOException {
        opened.memory().require(backend);
        TrainingEvent.Ended ended;
        try (var view = new TrainingView(err(), Terminal.isTerminal())) {
            Trainer trainer = opened.trainer(TrainingHooks.NONE.withListener(view));
            try (var _ = StopOnExit.of(trainer)) {
                ended = trainer.run();
            }
        }
        if (opened.unreadable() > 0) {
            err().printf(Locale.ROOT, "%,d images could not be read and were left out%n", opened.unreadable());
        }
        return ended.reason() != TrainingEvent.Reason.STOP_REQUESTED;
    }

    private void report(Run<?, ?> opened) throws IOException {
        Path folder = opened.folder().path();
        Summary summary = opened.summary();
        LossPlot.tryToWrite(
                err(), folder, summary.loss(), MetricsLog.read(opened.folder().metrics()), summary.baselines());
        if (json) {
            printJson(summary.facts());
        } else {
            summary.lines().forEach(out()::println);
            out().printf(Locale.ROOT, "%s: the model, its checkpoints, metrics.jsonl, loss.png%n", folder);
        }
    }
}
