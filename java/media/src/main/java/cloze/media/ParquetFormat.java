package cloze.media;

import cloze.io.DataException;
import cloze.text.TextChunk;
import cloze.text.TextFormat;
import cloze.text.TextReader;
import dev.hardwood.InputFile;
import dev.hardwood.metadata.LogicalType;
import dev.hardwood.metadata.PhysicalType;
import dev.hardwood.reader.ColumnReader;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.schema.ColumnSchema;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads a column of strings in a Parquet file: each row is a document, a null is an empty one. */
public final class ParquetFormat implements TextFormat {
    @Override
    public boolean reads(Path file) {
        return file.toString().endsWith(".parquet");
    }

    @Override
    public TextReader open(Path file, @Nullable String column, long from) throws IOException {
        try {
            return new Rows(file, column, from);
        } catch (RuntimeException e) {
            throw damaged(file, from, e);
        }
    }

    private static DataException damaged(Path file, long row, Exception cause) {
        String reason = cause.getMessage() == null ? cause.toString() : cause.getMessage();
        return new DataException(file + ", row " + row + ": expected Parquet that can be read: " + reason, cause);
    }

    private static final class Rows implements TextReader {
        private final Path file;
        private final long size;
        private final long rows;
        private final ParquetFileReader parquet;
        private final ColumnReader column;
        private long row;
        private byte[] values = new byte[0];
        private int[] ends = new int[0];
        private int inBatch;
        private int index;

        Rows(Path file, @Nullable String wanted, long from) throws IOException {
            this.file = file;
            size = Files.size(file);
            parquet = ParquetFileReader.open(InputFile.of(file));
            try {
                rows = parquet.getFileMetaData().numRows();
                column = parquet.columnReader(column(wanted).columnIndex());
                while (row < from && advance()) {
                    row++;
                }
            } catch (IOException | RuntimeException e) {
                parquet.close();
                throw e;
            }
        }

        private ColumnSchema column(@Nullable String wanted) throws DataException {
            List<ColumnSchema> texts = parquet.getFileSchema().getColumns().stream()
                    .filter(Rows::isText)
                    .toList();
            List<String> names =
                    texts.stream().map(c -> c.fieldPath().toString()).toList();
            for (ColumnSchema text : texts) {
                boolean only = wanted == null && texts.size() == 1;
                if (only
                        || text.name().equals(wanted)
                        || text.fieldPath().toString().equals(wanted)) {
                    return text;
                }
            }
            String expected = wanted == null ? "one column of strings, or the name of one" : "a column " + wanted;
            throw new DataException(file, "schema", expected, "columns of strings " + names);
        }

        private static boolean isText(ColumnSchema column) {
            boolean text = column.logicalType() == null || column.logicalType() instanceof LogicalType.StringType;
            return column.type() == PhysicalType.BYTE_ARRAY && text && column.maxRepetitionLevel() == 0;
        }

        private boolean advance() {
            index++;
            while (index >= inBatch) {
                if (!column.nextBatch()) {
                    return false;
                }
                values = column.getBinaryValues();
                ends = column.getBinaryOffsets();
                inBatch = column.getRecordCount();
                index = 0;
            }
            return true;
        }

        @Override
        public @Nullable TextChunk next() throws IOException {
            try {
                if (!advance()) {
                    return null;
                }
                boolean empty = column.getLeafValidity().isNull(index);
                byte[] text = empty ? new byte[0] : Arrays.copyOfRange(values, ends[index], ends[index + 1]);
                row++;
                return new TextChunk(text, row - 1, row, true);
            } catch (RuntimeException e) {
                throw damaged(file, row, e);
            }
        }

        @Override
        public long consumed() {
            return rows == 0 ? size : (long) ((double) size * row / rows);
        }

        @Override
        public void close() throws IOException {
            column.close();
            parquet.close();
        }
    }
}
