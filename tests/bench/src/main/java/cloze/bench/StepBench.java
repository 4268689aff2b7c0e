package cloze.bench;

import cloze.backend.Backend;
import cloze.bench.ours.ClozeStep;
import java.util.List;
import java.util.Locale;

/** Whole training steps: the same losses first, then time. */
final class StepBench {
    private static final int CHECKED = 3;
    private static final int LEAST_ROUNDS = 3;
    private static final double TOLERANCE = 1e-3;
    private static final int PROFILED = 3;

    private final Backend backend;
    private final BenchLibrary library;
    private final Machine machine;
    private final BenchOptions options;
    private final Report report;

    StepBench(Backend backend, BenchLibrary library, Machine machine, BenchOptions options, Report report) {
        this.backend = backend;
        this.library = library;
        this.machine = machine;
        this.options = options;
        this.report = report;
    }

    void run() {
        report.heading("Training steps");
        report.columns("step", "ours, ms", "libtorch, ms", "ratio", "ours of peak", "libtorch of peak", "rounds");
        List<StepCase> steps = StepCase.matching(options.only());
        steps.forEach(this::compare);
        if (options.profile()) {
            steps.forEach(this::profile);
        }
    }

    private void compare(StepCase step) {
        try (ClozeStep ours = step.ours(backend);
                TrainStep peer = step.peer(library, ours.weights())) {
            requireSameLosses(step, ours, peer);
            var clock = new Clock(options.threads());
            Rounds rounds = Rounds.alternate(
                    options.seconds(), LEAST_ROUNDS, () -> clock.time(ours::run), () -> clock.time(peer::run));
            report.row(
                    step.label(),
                    Report.number("%.0f", rounds.ours() / 1e6),
                    Report.number("%.0f", rounds.peer() / 1e6),
                    Report.ratio(rounds.ratio(), step.goal()),
                    machine.peakShare(step.shape().flops(), rounds.ours()),
                    machine.peakShare(step.shape().flops(), rounds.peer()),
                    Integer.toString(rounds.count()));
        }
    }

    /** From the same weights on the same batch, after each of a few updates; this also warms both up. */
    private static void requireSameLosses(StepCase step, TrainStep ours, TrainStep peer) {
        for (int i = 0; i <= CHECKED; i++) {
            float a = ours.run();
            float b = peer.run();
            if (!(Math.abs(a - b) <= TOLERANCE * Math.abs(b))) {
                throw new IllegalStateException(String.format(
                        Locale.ROOT, "%s: after %d updates our loss is %s, libtorch's %s", step.label(), i, a, b));
            }
        }
    }

    private void profile(StepCase step) {
        var profiled = new ProfiledBackend(backend, new Clock(options.threads()));
        try (ClozeStep ours = step.ours(profiled)) {
            ours.run();
            profiled.reset();
            double ns = new Clock(options.threads()).time(() -> {
                for (int i = 0; i < PROFILED; i++) {
                    ours.run();
                }
            });
            new Profile(step.label(), profiled.totals(), ns, PROFILED).print(report, machine);
        }
    }
}
