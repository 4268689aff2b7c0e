package cloze.media;

import cloze.image.ClassLabels;
import cloze.io.DataException;
import cloze.media.parquet.ColumnValues;
import cloze.media.parquet.ParquetColumn;
import cloze.media.parquet.ParquetFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Classes of the images of a Parquet file, from the first column of the names {@code label}, {@code labels},
 * {@code fine_label} and {@code class}. Numbers have the names that Hugging Face's {@code ClassLabel} gives them in the
 * metadata; strings are names themselves. A null and a number below 0 say that an image has no class; the set has
 * classes if each of its images has one.
 */
final class ParquetLabels {
    private static final Logger LOG = LoggerFactory.getLogger(ParquetLabels.class);
    private static final List<String> USUAL = List.of("label", "labels", "fine_label", "class");
    private static final int LARGEST = 1_000_000;

    private final int[] labels;
    private final List<String> classes;

    private ParquetLabels(int[] labels, List<String> classes) {
        boolean all = IntStream.of(labels).allMatch(label -> label >= 0);
        this.labels = all ? labels : new int[0];
        this.classes = all ? List.copyOf(classes) : List.of();
    }

    /** True if a column has one of the usual names of labels. */
    static boolean isNamed(ParquetColumn column) {
        return USUAL.contains(column.path());
    }

    static ParquetLabels read(ParquetFile parquet) throws IOException {
        for (String name : USUAL) {
            for (ParquetColumn column : parquet.columns()) {
                if (column.path().equals(name)) {
                    if (column.isWhole()) {
                        return numbers(parquet, column);
                    }
                    if (column.isBytes()) {
                        return words(parquet, column);
                    }
                }
            }
        }
        return new ParquetLabels(new int[0], List.of());
    }

    int of(int image) {
        return labels.length == 0 ? -1 : labels[image];
    }

    List<String> classes() {
        return classes;
    }

    private static ParquetLabels numbers(ParquetFile parquet, ParquetColumn column) throws IOException {
        List<String> names = names(parquet, column.path());
        int most = names.isEmpty() ? LARGEST : names.size() - 1;
        var labels = new int[(int) parquet.rows()];
        ColumnValues values = parquet.values(column, 0);
        for (int row = 0; values.next(); row++) {
            long value = values.isNull() ? -1 : values.whole();
            if (value > most && names.isEmpty()) {
                LOG.warn(
                        "{}: the images are taken to have no classes, as {} of row {} is {}; classes are 0 to {}",
                        parquet.path(),
                        column.path(),
                        row,
                        value,
                        LARGEST);
                return new ParquetLabels(new int[0], List.of());
            }
            if (value > most) {
                throw new DataException(
                        parquet.path(),
                        String.format(Locale.ROOT, "%s of row %d", column.path(), row),
                        "0 to " + most,
                        "" + value);
            }
            labels[row] = (int) Math.max(-1, value);
        }
        int count = IntStream.of(labels).max().orElse(-1) + 1;
        return new ParquetLabels(
                labels,
                names.isEmpty()
                        ? IntStream.range(0, count).mapToObj(Integer::toString).toList()
                        : names);
    }

    private static ParquetLabels words(ParquetFile parquet, ParquetColumn column) throws IOException {
        List<@Nullable String> found = new ArrayList<>();
        Map<String, String> same = new HashMap<>(); // one string for each class, however many images it has
        ColumnValues values = parquet.values(column, 0);
        while (values.next()) {
            String name = values.isNull() ? "" : new String(values.bytes(), StandardCharsets.UTF_8);
            found.add(name.isEmpty() ? null : same.computeIfAbsent(name, word -> word));
        }
        ClassLabels labels = ClassLabels.of(found, false);
        return new ParquetLabels(
                IntStream.range(0, found.size()).map(labels::label).toArray(), labels.classes());
    }

    /** The names of a column of class {@code ClassLabel}; none if the file does not have them. */
    private static List<String> names(ParquetFile parquet, String column) throws DataException {
        String json = parquet.metadata().get("huggingface");
        if (json == null) {
            return List.of();
        }
        try {
            JsonNode names = JsonMapper.shared()
                    .readTree(json)
                    .path("info")
                    .path("features")
                    .path(column)
                    .path("names");
            List<String> found = new ArrayList<>();
            for (JsonNode name : names) {
                found.add(name.asString(""));
            }
            return found;
        } catch (JacksonException e) {
            throw new DataException(
                    String.format(
                            Locale.ROOT,
                            "%s, metadata huggingface: expected JSON: %s",
                            parquet.path(),
                            e.getOriginalMessage()),
                    e);
        }
    }
}
