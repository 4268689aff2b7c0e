package cloze.cli.train;

import cloze.cli.DeviceOptions;
import cloze.cli.Subcommand;
import cloze.cli.Terminal;
import cloze.train.StopOnExit;
import cloze.train.Trainer;
import cloze.train.TrainingHooks;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.util.Set;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What every command has that trains into a run folder. */
abstract class TrainingCommand extends Subcommand {
    /** Makes the loop of a run, with what else is to be done on the way. */
    @FunctionalInterface
    interface Training {
        Trainer trainer(TrainingHooks hooks) throws IOException;
    }

    /** What may be said anew of a run that goes on. */
    private static final Set<String> AT_RESUME =
            Set.of("--resume", "--run", "--device", "--threads", "--memory", "--precision", "--json", "--stacktrace");

    @Option(names = "--resume", description = "Go on with the run in the folder, with its options.")
    private boolean resume;

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Option(
            names = "--json",
            description = "Print the result as JSON on standard output; progress goes to standard error.")
    private boolean json;

    final boolean resumes() {
        return resume;
    }

    final DeviceOptions device() {
        return device;
    }

    final boolean json() {
        return json;
    }

    /** Options of a run that goes on are its own. */
    final void refuseOptionsAtResume() {
        if (resume) {
            given().filter(name -> !AT_RESUME.contains(name)).findFirst().ifPresent(name -> {
                throw wrongUsage("--resume goes on with the options of the run: leave out " + name);
            });
        }
    }

    /** Trains to the end, or until the process is asked to end, and shows how it goes. */
    final TrainingEvent.Ended train(Training training) throws IOException {
        try (var view = new TrainingView(err(), Terminal.isTerminal())) {
            Trainer trainer = training.trainer(TrainingHooks.NONE.withListener(view));
            try (var _ = StopOnExit.of(trainer)) {
                return trainer.run();
            }
        }
    }
}
