package cloze.media;

import cloze.io.DataException;
import cloze.media.parquet.ColumnValues;
import cloze.media.parquet.ParquetColumn;
import cloze.media.parquet.ParquetFile;
import cloze.text.TextChunk;
import cloze.text.TextFormat;
import cloze.text.TextReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Reads a column of strings in a Parquet file: each row is a document, a null is an empty one. */
public final class ParquetFormat implements TextFormat {
    @Override
    public boolean reads(Path file) {
        return file.toString().toLowerCase(Locale.ROOT).endsWith(".parquet");
    }

    @Override
    public TextReader open(Path file, @Nullable String column, long from) throws IOException {
        ParquetFile parquet = ParquetFile.open(file);
        try {
            return new Rows(parquet, parquet.values(column(parquet, column), from), from);
        } catch (IOException e) {
            parquet.close();
            throw e;
        }
    }

    private static ParquetColumn column(ParquetFile parquet, @Nullable String wanted) throws DataException {
        List<ParquetColumn> texts = parquet.columns().stream()
                .filter(c -> c.isBytes() && c.content() != ParquetColumn.Content.OTHER)
                .toList();
        for (ParquetColumn text : texts) {
            boolean only = wanted == null && texts.size() == 1;
            if (only || text.name().equals(wanted) || text.path().equals(wanted)) {
                return text;
            }
        }
        String expected = wanted == null ? "one column of strings, or the name of one" : "a column " + wanted;
        List<String> names = texts.stream().map(ParquetColumn::path).toList();
        throw new DataException(parquet.path(), "schema", expected, "columns of strings " + names);
    }

    private static final class Rows implements TextReader {
        private final ParquetFile parquet;
        private final ColumnValues values;
        private long row;

        Rows(ParquetFile parquet, ColumnValues values, long row) {
            this.parquet = parquet;
            this.values = values;
            this.row = row;
        }

        @Override
        public @Nullable TextChunk next() throws IOException {
            if (!values.next()) {
                return null;
            }
            row++;
            return new TextChunk(values.isNull() ? new byte[0] : values.bytes(), row - 1, row, true);
        }

        @Override
        public long consumed() {
            long rows = parquet.rows();
            return rows == 0 ? parquet.size() : (long) ((double) parquet.size() * row / rows);
        }

        @Override
        public void close() throws IOException {
            parquet.close();
        }
    }
}
