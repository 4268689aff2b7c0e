package cloze.cli.bench;

import cloze.backend.Backend;
import cloze.cli.Subcommand;
import cloze.measure.Ceilings;
import cloze.measure.StepBench;
import cloze.measure.StepCase;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze bench steps}. */
@Command(
        name = "steps",
        description = {
            "Measures training steps of whole models on random data: batch, forward, backward, clipping, AdamW.",
            "Operations are those of matrix multiplications and attention, twice as many backward as forward."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  cloze bench steps", "  cloze bench steps --device cuda --precision bf16 --only gpt2"})
final class BenchSteps extends Subcommand {
    /** Of the measurement of a ceiling. */
    private static final double SECONDS = 0.5;

    @Mixin
    private BenchOptions options = new BenchOptions();

    @Option(
            names = "--seconds",
            paramLabel = "X",
            defaultValue = "5",
            description = "Time for each model, after a few steps that do not count (default: ${DEFAULT-VALUE}).")
    private double seconds;

    @Override
    public Integer call() throws IOException {
        List<StepCase<?, ?>> steps = new ArrayList<>(options.shapes().steps());
        steps.removeIf(step -> !options.wants(step.name() + " " + step.shape()));
        if (steps.isEmpty()) {
            throw wrongUsage("--only fits no model; --list shows what there is");
        }
        if (options.list()) {
            printJson(steps.stream()
                    .map(s -> BenchReport.named(s.name(), s.shape()))
                    .toList());
            return 0;
        }
        try (Backend backend = options.device().open()) {
            Ceilings ceilings = Ceilings.measure(backend, options.shapes(), SECONDS);
            var report = new BenchReport(options, out(), backend, ceilings);
            report.stepColumns();
            var bench = new StepBench(backend, ceilings, seconds);
            for (StepCase<?, ?> step : steps) {
                report.step(bench.run(step));
                report.save(); // what has been measured outlives what comes
            }
            return report.end(this);
        }
    }
}
