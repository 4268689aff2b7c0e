package cloze.cli.train;

import cloze.cli.Sizes;
import cloze.cli.Texts;
import cloze.train.log.TrainingEvent;
import cloze.train.log.TrainingListener;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** Shows the progress of a run: a bar on a terminal, elsewhere a line every few seconds. */
public final class TrainingView implements TrainingListener, AutoCloseable {
    private static final double LINE_EVERY = 5; // seconds
    private static final String CLEAR_LINE = "\r\033[2K";

    private final PrintWriter out;
    private final boolean terminal;
    private @Nullable ProgressBar bar;
    private long steps;
    private String unit = "units";
    private double loss = Double.NaN;
    private long lastStep;
    private final long began = System.nanoTime();
    private double lastLine = Double.NEGATIVE_INFINITY;

    TrainingView(PrintWriter out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    @Override
    public void on(TrainingEvent event) {
        switch (event) {
            case TrainingEvent.Started started -> start(started);
            case TrainingEvent.Step step -> step(step);
            case TrainingEvent.Evaluated evaluated ->
                line(String.format(
                        Locale.ROOT,
                        "step %d: %s%s",
                        evaluated.step(),
                        metrics(evaluated.metrics()),
                        evaluated.best() ? ", the best" : ""));
            case TrainingEvent.Sampled sampled ->
                line(String.format(Locale.ROOT, "step %d: %s", sampled.step(), Texts.visible(sampled.text())));
            case TrainingEvent.Checkpointed checkpointed ->
                line(String.format(Locale.ROOT, "step %d: saved %s", checkpointed.step(), checkpointed.folder()));
            case TrainingEvent.Ended ended -> end(ended);
        }
    }

    private void start(TrainingEvent.Started started) {
        steps = started.steps();
        unit = started.unit();
        if (started.step() > 0) {
            line("going on from step " + started.step());
        }
        if (terminal) {
            bar = new ProgressBarBuilder()
                    .setTaskName("training")
                    .setInitialMax(steps)
                    .startsFrom(started.step(), java.time.Duration.ZERO)
                    .setUpdateIntervalMillis(200)
                    .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                    .build();
        }
    }

    private void step(TrainingEvent.Step step) {
        loss = Double.isNaN(loss) ? step.loss() : 0.95 * loss + 0.05 * step.loss();
        String numbers = String.format(
                Locale.ROOT,
                "loss %.4f, lr %.2e, %s %s/s",
                loss,
                step.learningRate(),
                Sizes.count(step.unitsPerSecond()),
                unit);
        if (bar != null) {
            bar.stepTo(step.step());
            bar.setExtraMessage(" " + numbers);
            return;
        }
        double now = seconds();
        if (now - lastLine >= LINE_EVERY || step.step() == steps) {
            line(String.format(
                    Locale.ROOT, "step %d of %d: %s%s", step.step(), steps, numbers, left(now, step.step())));
            lastLine = now;
            lastStep = step.step();
        }
    }

    /** The time left, by the speed since the last line: the first steps of a run are slow. */
    private String left(double now, long step) {
        double left = (now - lastLine) / (step - lastStep) * (steps - step);
        return lastLine < 0 || step == steps ? "" : String.format(Locale.ROOT, ", %s left", Sizes.duration(left));
    }

    private double seconds() {
        return (System.nanoTime() - began) / 1e9;
    }

    private void end(TrainingEvent.Ended ended) {
        close();
        String what = switch (ended.reason()) {
            case FINISHED -> "finished";
            case NO_IMPROVEMENT -> "stopped early: the validation no longer improves";
            case STOP_REQUESTED -> "stopped; --resume goes on from here";
        };
        line(String.format(
                Locale.ROOT, "step %d: %s, %s of training", ended.step(), what, Sizes.duration(ended.seconds())));
    }

    private static String metrics(Map<String, Double> metrics) {
        return metrics.entrySet().stream()
                .map(metric -> String.format(Locale.ROOT, "%s %.4f", metric.getKey(), metric.getValue()))
                .collect(Collectors.joining(", "));
    }

    private void line(String text) {
        out.println(bar == null ? text : CLEAR_LINE + text);
        out.flush();
    }

    /** Ends the bar; what comes later are lines. */
    @Override
    public void close() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
