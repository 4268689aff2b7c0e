package cloze.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Most resident memory of a training step, each side in a process of its own. */
final class MemoryBench {
    private final BenchOptions options;
    private final Report report;

    MemoryBench(BenchOptions options, Report report) {
        this.options = options;
        this.report = report;
    }

    void run() throws IOException, InterruptedException {
        report.heading("Most resident memory");
        report.columns(
                "step", "ours, MiB", "before the model", "libtorch, MiB", "before the model", "ratio", "of the model");
        for (StepCase step : StepCase.matching(options.only())) {
            Resident ours = child(step, "ours");
            Resident peer = child(step, "peer");
            report.row(
                    step.label(),
                    mebibytes(ours.most()),
                    mebibytes(ours.before()),
                    mebibytes(peer.most()),
                    mebibytes(peer.before()),
                    Report.number("%.2f", (double) peer.most() / ours.most()),
                    Report.number("%.2f", (double) peer.ofModel() / ours.ofModel()));
        }
    }

    private static String mebibytes(long kibibytes) {
        return Report.number("%.0f", kibibytes / 1024.0);
    }

    private Resident child(StepCase step, String side) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        for (String argument : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            if (!argument.startsWith("-Xmx") && !argument.startsWith("-XX:+Use")) {
                command.add(argument);
            }
        }
        command.addAll(List.of("-Xmx1g", "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(MemoryChild.class.getName(), step.label(), side, Integer.toString(options.threads())));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException("%s of %s failed: %s".formatted(side, step.label(), output));
        }
        return Resident.parse(output);
    }
}
