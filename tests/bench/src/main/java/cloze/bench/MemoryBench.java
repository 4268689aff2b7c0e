package cloze.bench;

import cloze.bench.ours.ClozeStep;
import cloze.image.ImageBatch;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.nn.Parameters;
import cloze.optim.Schedule;
import cloze.task.MaskedPatches;
import cloze.train.MemoryEstimate;
import cloze.train.TrainingConfig;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Most resident memory of a training step, each side in a process of its own. */
final class MemoryBench {
    private static final int BATCH = 64;

    private final BenchOptions options;
    private final Report report;

    MemoryBench(BenchOptions options, Report report) {
        this.options = options;
        this.report = report;
    }

    void run() throws IOException, InterruptedException {
        resident();
        hidden();
    }

    /** What the pool holds at most, which depends on shapes alone. */
    private void hidden() {
        MaeConfig config = MaeConfig.preset("vit-tiny-32");
        report.heading("A step of the masked autoencoder (c) by the share of patches that are hidden");
        report.columns("hidden", "patches the encoder sees", "activations, MiB", "of those of 0");
        long whole = activations(config.withRatio(0));
        for (double ratio : new double[] {0, 0.25, 0.5, 0.75, 0.9}) {
            long bytes = activations(config.withRatio(ratio));
            report.row(
                    Report.number("%.0f %%", 100 * ratio),
                    Integer.toString(config.withRatio(ratio).kept()),
                    mebibytes(bytes / 1024),
                    Report.number("%.2f", (double) bytes / whole));
        }
    }

    private static long activations(MaeConfig config) {
        int size = BATCH * config.image() * config.image() * config.channels();
        var blank = new ImageBatch(new float[size], new int[BATCH]);
        MemoryEstimate.Model model = (backend, scope) -> {
            var built = Parameters.build(backend, scope, 1, p -> new Mae(config, p));
            return new MaskedPatches(built, _ -> blank, BATCH, 1);
        };
        return MemoryEstimate.of(model, TrainingConfig.of(1, ClozeStep.ADAM_W, new Schedule.Constant(0)))
                .activations();
    }

    private void resident() throws IOException, InterruptedException {
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
            throw new IOException(String.format(Locale.ROOT, "%s of %s failed: %s", side, step.label(), output));
        }
        return Resident.parse(output);
    }
}
