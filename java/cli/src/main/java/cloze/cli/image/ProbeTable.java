package cloze.cli.image;

import cloze.cli.Tables;
import cloze.eval.ImageProbe;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The rows of a probe as text, in percent, with standard deviations where there were several draws. */
final class ProbeTable {
    private final List<ImageProbe.Row> rows;

    ProbeTable(List<ImageProbe.Row> rows) {
        this.rows = rows;
    }

    static String labels(ImageProbe.Row row) {
        return row.labels() == ImageProbe.ALL ? "all labels" : row.labels() + " a class";
    }

    void print(PrintWriter out, String title) {
        boolean several = rows.stream().anyMatch(row -> row.top5() != null);
        List<List<String>> cells = new ArrayList<>();
        List<String> head = new ArrayList<>(List.of("labels", "features", "dimension", "linear top-1"));
        if (several) {
            head.add("linear top-5");
        }
        head.addAll(List.of("kNN top-1", "seconds"));
        cells.add(head);
        for (ImageProbe.Row row : rows) {
            List<String> line = new ArrayList<>(
                    List.of(labels(row), row.features(), String.valueOf(row.dimension()), percent(row.top1())));
            if (several) {
                line.add(percent(row.top5()));
            }
            line.add(percent(row.nearest()));
            line.add(String.format(Locale.ROOT, "%.1f", row.seconds()));
            cells.add(line);
        }
        out.println(title);
        Tables.print(out, cells, 2);
    }

    static String percent(ImageProbe.@Nullable Share share) {
        if (share == null) {
            return "";
        }
        return share.deviation() == 0
                ? String.format(Locale.ROOT, "%.2f", 100 * share.mean())
                : String.format(Locale.ROOT, "%.2f +- %.2f", 100 * share.mean(), 100 * share.deviation());
    }
}
