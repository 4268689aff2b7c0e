package cloze.cli.plot;

import cloze.recipe.FewLabelResults;
import java.awt.Color;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries;
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler;

/** Accuracies for each number of labels a class as bars, of networks that were pre-trained and of those that were not. */
public final class FewLabelPlot {
    private static final Color RANDOM = new Color(0xB8C4D6);
    private static final Color PRETRAINED = new Color(0x2F5D9B);

    private FewLabelPlot() {}

    /** Draws {@code few-labels.png} into a folder; prints a message on a machine without fonts. */
    public static void tryToWrite(PrintWriter err, Path folder, FewLabelResults results) throws IOException {
        String name = "few-labels.png";
        Drawing.tryTo(err, name, () -> write(folder.resolve(name), folder.toString(), results));
    }

    /** The thin lines are the deviation over the seeds. */
    static void write(Path png, String title, FewLabelResults results) throws IOException {
        CategoryChart chart = new CategoryChartBuilder()
                .width(800)
                .height(500)
                .title(title)
                .xAxisTitle("labels per class")
                .yAxisTitle("accuracy on held-out images, %")
                .theme(Styler.ChartTheme.XChart)
                .build();
        CategoryStyler style = chart.getStyler();
        style.setLegendPosition(Styler.LegendPosition.OutsideS);
        style.setLegendLayout(Styler.LegendLayout.Horizontal);
        style.setPlotGridLinesColor(new Color(0xE4E4E4));
        style.setPlotGridVerticalLinesVisible(false);
        style.setChartBackgroundColor(Color.WHITE);
        style.setAvailableSpaceFill(0.6);
        style.setYAxisMin(0.0);
        bars(chart, "random weights", RANDOM, rows(results, true));
        bars(chart, "pre-trained", PRETRAINED, rows(results, false));
        ImageIO.write(BitmapEncoder.getBufferedImage(chart), "png", png.toFile());
    }

    private static List<FewLabelResults.Row> rows(FewLabelResults results, boolean scratch) {
        return results.rows().stream().filter(row -> row.scratch() == scratch).toList();
    }

    private static void bars(CategoryChart chart, String name, Color color, List<FewLabelResults.Row> rows) {
        CategorySeries series = chart.addSeries(
                name,
                rows.stream()
                        .map(row -> row.perClass() == 0 ? "all" : "" + row.perClass())
                        .toList(),
                rows.stream().map(row -> 100 * row.accuracy()).toList(),
                rows.stream().map(row -> 100 * row.deviation()).toList());
        series.setFillColor(color);
    }
}
