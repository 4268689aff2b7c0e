package cloze.cli.train;

import cloze.recipe.FewLabelResults;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Accuracies for each number of labels a class, for people and for programs. */
final class FewLabelTable {
    private FewLabelTable() {}

    /** The rows of the table; accuracies from 0 to 1. */
    static List<Map<String, Object>> facts(FewLabelResults results) {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (FewLabelResults.Row row : results.rows()) {
            var facts = new LinkedHashMap<String, Object>();
            facts.put("init", row.scratch() ? "random" : "pretrained");
            facts.put("labels_per_class", row.perClass() == 0 ? "all" : row.perClass());
            facts.put("seeds", row.seeds());
            facts.put("accuracy", row.accuracy());
            facts.put("accuracy_sd", row.deviation());
            if (!Double.isNaN(row.gain())) {
                facts.put("gain", row.gain());
                facts.put("gain_sd", row.gainDeviation());
            }
            rows.add(facts);
        }
        return rows;
    }

    /** Lines of the table, in percent. */
    static List<String> lines(FewLabelResults results) {
        List<String> lines = new ArrayList<>();
        lines.add("begins with    labels a class   seeds   accuracy, %      gain over random weights");
        for (FewLabelResults.Row row : results.rows()) {
            String gain = Double.isNaN(row.gain())
                    ? ""
                    : String.format(Locale.ROOT, "%+.2f +- %.2f", 100 * row.gain(), 100 * row.gainDeviation());
            lines.add(String.format(
                            Locale.ROOT,
                            "%-14s %14s   %5d   %5.2f +- %-5.2f   %s",
                            row.scratch() ? "random weights" : "pre-training",
                            row.perClass() == 0 ? "all" : "" + row.perClass(),
                            row.seeds(),
                            100 * row.accuracy(),
                            100 * row.deviation(),
                            gain)
                    .stripTrailing());
        }
        return lines;
    }
}
