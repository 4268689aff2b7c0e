package cloze.cli.plot;

import cloze.eval.ClassAccuracy;
import cloze.eval.HeldOut;
import cloze.eval.OnlineProbe;
import cloze.train.log.TrainingEvent;
import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** The loss of a run over its steps, as a PNG, with lines for the losses of baselines. */
public final class LossPlot {
    private static final Color TRAINING = new Color(0xB8C4D6);
    private static final Color SMOOTHED = new Color(0x2F5D9B);
    private static final Color VALIDATION = new Color(0xC8501E);
    private static final Color ACCURACY = new Color(0x009E73);
    private static final int MOST_POINTS = 2000;

    private LossPlot() {}

    /** Draws a run into its folder. Prints a message on a machine without fonts. */
    public static void tryToWrite(
            PrintWriter err, Path folder, String unit, List<TrainingEvent> events, Map<String, Double> baselines)
            throws IOException {
        String name = "loss.png";
        Drawing.tryTo(err, name, () -> write(folder.resolve(name), folder.toString(), unit, events, baselines));
    }

    /**
     * Draws a run.
     *
     * @param unit of the loss
     * @param baselines losses by name, drawn as level lines
     */
    static void write(Path png, String title, String unit, List<TrainingEvent> events, Map<String, Double> baselines)
            throws IOException {
        XYChart chart = new XYChartBuilder()
                .width(1000)
                .height(600)
                .title(title)
                .xAxisTitle("step")
                .yAxisTitle(unit)
                .theme(Styler.ChartTheme.XChart)
                .build();
        XYStyler style = chart.getStyler();
        style.setLegendPosition(Styler.LegendPosition.InsideNE);
        style.setPlotGridLinesColor(new Color(0xE4E4E4));
        style.setXAxisTickMarkSpacingHint(90);
        style.setXAxisDecimalPattern("#,###");
        style.setChartBackgroundColor(Color.WHITE);
        double last = training(chart, events);
        evaluations(chart, "validation", HeldOut.LOSS, events, VALIDATION);
        accuracy(chart, "accuracy of a linear probe", OnlineProbe.ACCURACY, events);
        accuracy(chart, "accuracy", ClassAccuracy.ACCURACY, events);
        int shade = 0;
        for (var baseline : baselines.entrySet()) {
            level(chart, baseline.getKey(), baseline.getValue(), last, shade++);
        }
        ImageIO.write(BitmapEncoder.getBufferedImage(chart), "png", png.toFile());
    }

    /** @return the last step */
    private static double training(XYChart chart, List<TrainingEvent> events) {
        List<TrainingEvent.Step> steps = events.stream()
                .filter(TrainingEvent.Step.class::isInstance)
                .map(TrainingEvent.Step.class::cast)
                .filter(step -> Double.isFinite(step.loss()))
                .toList();
        if (steps.isEmpty()) {
            return 1;
        }
        int every = (steps.size() + MOST_POINTS - 1) / MOST_POINTS;
        int n = (steps.size() + every - 1) / every;
        var x = new double[n];
        var y = new double[n];
        var smooth = new double[n];
        int reach = steps.size() / 100;
        for (int i = 0; i < n; i++) {
            int at = i * every;
            x[i] = steps.get(at).step();
            y[i] = steps.get(at).loss();
            int around = Math.min(reach, Math.min(at, steps.size() - 1 - at)); // as many before as after: no lag
            smooth[i] = steps.subList(at - around, at + around + 1).stream()
                    .mapToDouble(TrainingEvent.Step::loss)
                    .average()
                    .orElse(Double.NaN);
        }
        line(chart, "training, each step", x, y, TRAINING, 1);
        line(chart, "training, mean around", x, smooth, SMOOTHED, 2);
        return x[n - 1];
    }

    /** On an axis of its own, at the right. */
    private static void accuracy(XYChart chart, String name, String metric, List<TrainingEvent> events) {
        XYSeries series = evaluations(chart, name, metric, events, ACCURACY);
        if (series != null) {
            series.setYAxisGroup(1);
            series.setMarker(SeriesMarkers.SQUARE);
            chart.setYAxisGroupTitle(1, "accuracy on held-out images");
            chart.getStyler().setYAxisGroupPosition(1, Styler.YAxisPosition.Right);
            chart.getStyler().setYAxisMin(1, 0.0);
            chart.getStyler().setYAxisMax(1, 1.0);
            chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideS); // inside it would hide a rising line
            chart.getStyler().setLegendLayout(Styler.LegendLayout.Horizontal);
        }
    }

    private static @Nullable XYSeries evaluations(
            XYChart chart, String name, String metric, List<TrainingEvent> events, Color color) {
        List<TrainingEvent.Evaluated> evaluations = events.stream()
                .filter(TrainingEvent.Evaluated.class::isInstance)
                .map(TrainingEvent.Evaluated.class::cast)
                .filter(e -> Double.isFinite(e.metrics().getOrDefault(metric, Double.NaN)))
                .toList();
        if (evaluations.isEmpty()) {
            return null;
        }
        double[] x =
                evaluations.stream().mapToDouble(TrainingEvent.Evaluated::step).toArray();
        double[] y = evaluations.stream()
                .mapToDouble(e -> e.metrics().getOrDefault(metric, Double.NaN))
                .toArray();
        XYSeries series = line(chart, name, x, y, color, 2);
        series.setMarker(SeriesMarkers.CIRCLE);
        return series;
    }

    private static XYSeries line(XYChart chart, String name, double[] x, double[] y, Color color, float width) {
        XYSeries series = chart.addSeries(name, x, y);
        series.setMarker(SeriesMarkers.NONE);
        series.setMarkerColor(color);
        series.setLineColor(color);
        series.setLineStyle(new BasicStroke(width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        return series;
    }

    private static void level(XYChart chart, String name, double loss, double last, int shade) {
        int grey = Math.min(180, 60 + 40 * shade);
        XYSeries series = line(
                chart,
                String.format(Locale.ROOT, "%s: %.3f", name, loss),
                new double[] {0, 1.004 * last + 0.5}, // off the steps: else ticks are put at odd ones
                new double[] {loss, loss},
                new Color(grey, grey, grey),
                1);
        series.setLineStyle(new BasicStroke(
                1.5f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER, 1, new float[] {6, 4 + 2f * shade}, 0));
    }
}
