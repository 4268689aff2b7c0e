package cloze.cli.plot;

import cloze.stat.Features;
import cloze.stat.PrincipalComponents;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Rows of features as points along two components, coloured by class; classes differ in shape too. */
public final class ScatterPlot {
    /** Colours safe for colour-blind readers (Okabe and Ito). */
    private static final List<Color> COLOURS = List.of(
            new Color(0x0072B2),
            new Color(0xE69F00),
            new Color(0x009E73),
            new Color(0xD55E00),
            new Color(0xCC79A7),
            new Color(0x56B4E9),
            new Color(0x000000));

    private static final int OPACITY = 170; // of 255: points lie over each other

    private static final List<Marker> SHAPES =
            List.of(SeriesMarkers.CIRCLE, SeriesMarkers.TRIANGLE_UP, SeriesMarkers.SQUARE, SeriesMarkers.DIAMOND);

    private ScatterPlot() {}

    /** @param classes names of the labels */
    public static void write(
            Path png, String title, PrincipalComponents components, Features features, List<String> classes)
            throws IOException {
        XYChart chart = new XYChartBuilder()
                .width(1000)
                .height(760)
                .title(title)
                .xAxisTitle(axis("first", components.shares().get(0)))
                .yAxisTitle(axis("second", components.shares().get(1)))
                .theme(Styler.ChartTheme.XChart)
                .build();
        XYStyler style = chart.getStyler();
        style.setDefaultSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
        style.setLegendPosition(Styler.LegendPosition.OutsideE);
        style.setPlotGridLinesColor(new Color(0xE4E4E4));
        style.setChartBackgroundColor(Color.WHITE);
        style.setMarkerSize(6);
        for (int c = 0; c < classes.size(); c++) {
            int of = c;
            int[] rows = IntStream.range(0, features.count())
                    .filter(i -> features.label(i) == of)
                    .toArray();
            if (rows.length > 0) {
                XYSeries series = chart.addSeries(
                        classes.get(c), along(components, 0, features, rows), along(components, 1, features, rows));
                series.setMarker(SHAPES.get(c / COLOURS.size() % SHAPES.size()));
                Color colour = COLOURS.get(c % COLOURS.size());
                series.setMarkerColor(new Color(colour.getRed(), colour.getGreen(), colour.getBlue(), OPACITY));
            }
        }
        ImageIO.write(BitmapEncoder.getBufferedImage(chart), "png", png.toFile());
    }

    private static String axis(String which, double share) {
        return String.format(Locale.ROOT, "%s component, %.1f %% of the variance", which, 100 * share);
    }

    private static double[] along(PrincipalComponents components, int c, Features features, int[] rows) {
        return IntStream.of(rows)
                .mapToDouble(i -> components.along(c, features.row(i)))
                .toArray();
    }
}
