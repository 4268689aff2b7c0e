package cloze.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/** Columns of text. */
public final class Tables {
    private static final String GAP = "  ";

    private Tables() {}

    /**
     * Prints rows of equal length, the first of which is the heading.
     *
     * @param names columns from the left that are words; the others are numbers, set to the right
     */
    public static void print(PrintWriter out, List<List<String>> rows, int names) {
        int columns = rows.getFirst().size();
        List<Integer> widths = new ArrayList<>();
        for (int c = 0; c < columns; c++) {
            int column = c;
            widths.add(rows.stream()
                    .mapToInt(row -> row.get(column).length())
                    .max()
                    .orElse(0));
        }
        for (List<String> row : rows) {
            var line = new StringBuilder();
            for (int c = 0; c < columns; c++) {
                String padding = " ".repeat(widths.get(c) - row.get(c).length());
                line.append(c == 0 ? "" : GAP).append(c < names ? row.get(c) + padding : padding + row.get(c));
            }
            out.println(line.toString().stripTrailing());
        }
    }
}
