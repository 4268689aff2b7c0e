package cloze.bench.kernels;

import cloze.bench.BenchOptions;
import cloze.bench.Report;
import java.util.Collection;
import java.util.stream.Collectors;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs every {@link OpBenchmark}, each in a process of its own, by wall time. */
public final class KernelBench {
    private static final TimeValue ITERATION = TimeValue.milliseconds(150);

    private KernelBench() {}

    /** Adds a table to the report. */
    public static void run(BenchOptions options, Report report) {
        report.heading("Kernels on %s (JMH, wall time)".formatted(options.device()));
        report.columns("benchmark", "us", "error, us");
        try {
            for (RunResult result : results(options)) {
                var score = result.getPrimaryResult();
                report.row(
                        label(result.getParams()),
                        Report.number("%.1f", score.getScore()),
                        Report.number("%.1f", score.getScoreError()));
            }
        } catch (RunnerException e) {
            throw new IllegalStateException("JMH could not run the kernels: " + e.getMessage(), e);
        }
    }

    private static Collection<RunResult> results(BenchOptions options) throws RunnerException {
        return new Runner(new OptionsBuilder()
                        .include("cloze\\.bench\\.kernels\\..*")
                        .forks(1)
                        .warmupIterations(2)
                        .warmupTime(ITERATION)
                        .measurementIterations(3)
                        .measurementTime(ITERATION)
                        .jvmArgsAppend("-Dcloze.bench.threads=" + options.threads())
                        .param("device", options.device())
                        .shouldFailOnError(true)
                        .verbosity(VerboseMode.SILENT)
                        .build())
                .run();
    }

    private static String label(BenchmarkParams params) {
        String name = params.getBenchmark().replaceFirst(".*\\.kernels\\.", "").replace("Benchmark", "");
        return params.getParamsKeys().stream().map(params::getParam).collect(Collectors.joining(" ", name + " ", ""));
    }
}
