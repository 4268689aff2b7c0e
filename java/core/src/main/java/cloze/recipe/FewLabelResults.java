package cloze.recipe;

import cloze.io.DurableFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** The results of {@link FewLabelRuns}: {@code results.jsonl}, one line per run. */
public record FewLabelResults(List<FewLabelResult> all) {
    private static final String FILE = "results.jsonl";

    /**
     * One row of the table.
     *
     * @param perClass images of each class, 0 for all
     * @param accuracy mean over the seeds, from 0 to 1
     * @param deviation of a sample, 0 of a single seed
     * @param gain mean over the seeds of the accuracy gained over random weights, NaN if these have not been run
     * @param gainDeviation of that, from the differences of each seed
     */
    public record Row(
            boolean scratch,
            int perClass,
            int seeds,
            double accuracy,
            double deviation,
            double gain,
            double gainDeviation) {}

    public FewLabelResults {
        all = List.copyOf(all);
    }

    /** Reads the file, empty if it does not exist; an unfinished last line is left out. */
    static FewLabelResults read(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        List<FewLabelResult> all = new ArrayList<>();
        if (Files.exists(file)) {
            for (String line : Files.readAllLines(file)) {
                try {
                    FewLabelResult result = JsonMapper.shared().readValue(line, FewLabelResult.class);
                    if (result != null) { // of the JSON null
                        all.add(result);
                    }
                } catch (JacksonException e) {
                    break; // the line of a process that was killed
                }
            }
        }
        return new FewLabelResults(all);
    }

    /** Adds a line after the complete ones. */
    static void add(Path folder, FewLabelResult result) throws IOException {
        List<String> lines = new ArrayList<>();
        for (FewLabelResult earlier : read(folder).all()) {
            lines.add(JsonMapper.shared().writeValueAsString(earlier));
        }
        lines.add(JsonMapper.shared().writeValueAsString(result));
        Path beside = folder.resolve(FILE + ".new");
        DurableFiles.refuseLink(beside);
        Files.write(beside, lines);
        Files.move(beside, folder.resolve(FILE), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    boolean has(FewLabelResult.Cell cell) {
        return all.stream().anyMatch(result -> result.cell().equals(cell));
    }

    /** A row for each number of labels and each initialisation, random weights first. */
    public List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        for (int labels : all.stream().map(r -> r.cell().perClass()).distinct().toList()) {
            for (boolean scratch : new boolean[] {true, false}) {
                List<FewLabelResult> of = all.stream()
                        .filter(r -> r.cell().perClass() == labels && r.cell().scratch() == scratch)
                        .toList();
                if (!of.isEmpty()) {
                    rows.add(row(scratch, labels, of));
                }
            }
        }
        return rows;
    }

    private Row row(boolean scratch, int labels, List<FewLabelResult> of) {
        double[] accuracy = of.stream().mapToDouble(FewLabelResult::accuracy).toArray();
        double[] gain = scratch
                ? new double[0]
                : of.stream()
                        .flatMapToDouble(one -> all.stream()
                                .filter(r -> r.cell()
                                        .equals(new FewLabelResult.Cell(
                                                true, labels, one.cell().seed())))
                                .mapToDouble(r -> one.accuracy() - r.accuracy()))
                        .toArray();
        return new Row(
                scratch, labels, accuracy.length, mean(accuracy), deviation(accuracy), mean(gain), deviation(gain));
    }

    private static double mean(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return values.length == 0 ? Double.NaN : sum / values.length;
    }

    private static double deviation(double[] values) {
        double mean = mean(values);
        double sum = 0;
        for (double value : values) {
            sum += (value - mean) * (value - mean);
        }
        return values.length < 2 ? 0 : Math.sqrt(sum / (values.length - 1));
    }
}
