package cloze.bench.kernels;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.bench.BenchOptions;
import cloze.bench.Report;
import cloze.measure.Ceilings;
import cloze.measure.Cost;
import cloze.measure.Inputs;
import cloze.measure.Pass;
import cloze.measure.Shapes;
import cloze.measure.Subject;
import cloze.tensor.OutOfMemoryException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs the kernels of {@code cloze bench kernels} by JMH, each pass in a process of its own, by wall time, beside the
 * ceilings of the device.
 */
public final class KernelBench {
    private static final TimeValue ITERATION = TimeValue.milliseconds(150);

    /** For each ceiling. */
    private static final double SECONDS = 0.2;

    private final BenchOptions options;
    private final Shapes shapes;
    private final Ceilings ceilings;

    /** What each call has to do at the least. */
    private final Map<String, Cost> costs = new LinkedHashMap<>();

    /** Why a subject has no place on the device. */
    private final Map<String, String> failures = new LinkedHashMap<>();

    private KernelBench(BenchOptions options) {
        this.options = options;
        shapes = options.device().startsWith("cuda") ? Shapes.GPU : Shapes.CPU;
        try (Backend backend = Backends.open(options.device(), BackendOptions.DEFAULT.withThreads(options.threads()))) {
            ceilings = Ceilings.measure(backend, shapes, SECONDS);
            for (Subject subject : shapes.kernels()) {
                if (subject.toString().contains(options.only())) {
                    costs(subject, backend);
                }
            }
        }
    }

    private void costs(Subject subject, Backend backend) {
        try (var inputs = new Inputs(backend)) {
            for (Pass pass : subject.passes().apply(inputs)) {
                costs.put(KernelBenchmark.name(subject, pass), pass.cost());
            }
        } catch (BackendException | OutOfMemoryException e) {
            failures.put(subject.toString(), String.valueOf(e.getMessage()));
        }
    }

    /** Adds a table to the report. */
    public static void run(BenchOptions options, Report report) {
        report.heading(String.format(Locale.ROOT, "Kernels on %s (JMH, wall time)", options.device()));
        var bench = new KernelBench(options);
        report.line(String.format(
                Locale.ROOT,
                "Ceilings: %s copied, %s of multiply-adds in f32, %s of matrix multiplications %d x %d x %d",
                rate(bench.ceilings.bytes(), "B/s"),
                rate(bench.ceilings.multiplyAdds(), "FLOP/s"),
                rate(bench.ceilings.matMul(), "FLOP/s"),
                bench.ceilings.side(),
                bench.ceilings.side(),
                bench.ceilings.side()));
        report.line("");
        report.columns("kernel", "us", "error, us", "rate", "of ceiling");
        bench.costs.forEach((call, cost) -> bench.row(call, cost, report));
        bench.failures.forEach((subject, why) -> report.row(subject, "fails: " + why.replace("\n", "; ")));
    }

    private void row(String call, Cost cost, Report report) {
        var score = measure(call).getPrimaryResult();
        double seconds = 1e-6 * score.getScore();
        boolean arithmetic = cost.flops() > 0;
        report.row(
                call,
                Report.number("%.1f", score.getScore()),
                Report.number("%.1f", score.getScoreError()),
                rate((arithmetic ? cost.flops() : cost.bytes()) / seconds, arithmetic ? "FLOP/s" : "B/s"),
                Report.number("%.0f %%", 100 * ceilings.share(cost, seconds)));
    }

    private static String rate(double perSecond, String unit) {
        return perSecond >= 1e12
                ? Report.number("%.2f T", perSecond / 1e12) + unit
                : Report.number("%.1f G", perSecond / 1e9) + unit;
    }

    private RunResult measure(String call) {
        try {
            return new Runner(new OptionsBuilder()
                            .include(KernelBenchmark.class.getName())
                            .forks(1)
                            .warmupIterations(2)
                            .warmupTime(ITERATION)
                            .measurementIterations(3)
                            .measurementTime(ITERATION)
                            .jvmArgsAppend("-Dcloze.bench.threads=" + options.threads())
                            .param("device", options.device())
                            .param("shapes", shapes.toString())
                            .param("call", call)
                            .shouldFailOnError(true)
                            .verbosity(VerboseMode.SILENT)
                            .build())
                    .runSingle();
        } catch (RunnerException e) {
            throw new IllegalStateException(
                    String.format(Locale.ROOT, "JMH could not run %s: %s", call, e.getMessage()), e);
        }
    }
}
