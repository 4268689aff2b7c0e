package cloze.cli.bench;

import cloze.backend.Backend;
import cloze.cli.Subcommand;
import cloze.measure.Ceilings;
import cloze.measure.KernelBench;
import cloze.measure.Subject;
import java.io.IOException;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze bench kernels}. */
@Command(
        name = "kernels",
        description = {
            "Measures every op, forward and backward, as a share of the device's peak.",
            "Bytes and operations are the least that an op needs; the ceilings are measured first: the bandwidth of a "
                    + "copy, multiply-adds in registers, a large matrix multiplication."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze bench kernels",
            "  cloze bench kernels --device cuda --precision bf16 --only Attention --out attention.json"
        })
final class BenchKernels extends Subcommand {
    @Mixin
    private BenchOptions options = new BenchOptions();

    @Option(
            names = "--seconds",
            paramLabel = "X",
            defaultValue = "0.2",
            description = "Time for each line (default: ${DEFAULT-VALUE}).")
    private double seconds;

    @Override
    public Integer call() throws IOException {
        List<Subject> subjects = options.shapes().kernels().stream()
                .filter(subject -> options.wants(subject.toString()))
                .toList();
        if (subjects.isEmpty()) {
            throw wrongUsage("--only fits no kernel; --list shows what there is");
        }
        if (options.list()) {
            printJson(subjects.stream()
                    .map(s -> BenchReport.named(s.name(), s.shape()))
                    .toList());
            return 0;
        }
        try (Backend backend = options.device().open()) {
            Ceilings ceilings = Ceilings.measure(backend, options.shapes(), seconds);
            var report = new BenchReport(options, out(), backend, ceilings);
            report.kernelColumns();
            var bench = new KernelBench(backend, ceilings, seconds);
            for (Subject subject : subjects) {
                bench.run(subject, report::kernel);
                report.save(); // what has been measured outlives what comes
            }
            return report.end(this);
        }
    }
}
