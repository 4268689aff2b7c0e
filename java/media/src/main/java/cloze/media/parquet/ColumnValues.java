package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The values of a column, row by row. Not thread-safe. */
public final class ColumnValues {
    private final ParquetFile file;
    private final ParquetColumn column;
    private final Limit limit;
    private final int levelWidth;
    private int group = -1;
    private long row;
    private long leftInGroup;
    private @Nullable ColumnPages pages;
    private ColumnPages.@Nullable Page page;
    private int leftInPage;
    private boolean isNull;

    ColumnValues(ParquetFile file, ParquetColumn column, long from) throws IOException {
        this.file = file;
        this.column = column;
        limit = new Limit(file.size());
        levelWidth = Integer.SIZE - Integer.numberOfLeadingZeros(column.optional());
        if (column.isRepeated() || column.type() == ParquetColumn.Type.OTHER) {
            throw new IllegalArgumentException(
                    "ColumnValues: column must have one number or string of bytes a row, but it is " + column);
        }
        while (group + 1 < file.groups().size()
                && row + file.groups().get(group + 1).rows() <= from) {
            row += file.groups().get(++group).rows();
        }
        while (row < from && next()) {}
    }

    /** Moves to the next row; false after the last. */
    public boolean next() throws IOException {
        try {
            while (leftInGroup == 0) {
                if (++group >= file.groups().size()) {
                    group--;
                    return false;
                }
                leftInGroup = file.groups().get(group).rows();
                pages = leftInGroup == 0
                        ? null
                        : new ColumnPages(
                                file,
                                column,
                                limit,
                                file.groups().get(group).chunks().get(column.index()),
                                levelWidth);
            }
            while (leftInPage == 0) {
                page = java.util.Objects.requireNonNull(pages).next(leftInGroup);
                leftInPage = page.count();
            }
            read(java.util.Objects.requireNonNull(page));
            return true;
        } catch (IOException e) {
            String place = String.format(Locale.ROOT, "%s, column %s, row %d: ", file.path(), column.path(), row);
            throw new DataException(place + e.getMessage(), e);
        }
    }

    private void read(ColumnPages.Page from) throws IOException {
        isNull = from.isNull();
        if (!isNull) {
            from.values().next();
        }
        limit.spend(isNull ? 1 : 1 + (long) from.values().size());
        leftInPage--;
        leftInGroup--;
        row++;
    }

    private PageValues values() throws IOException {
        if (page == null || isNull) {
            throw new IllegalStateException(String.format(Locale.ROOT, "row %d has no value", row - 1));
        }
        return page.values();
    }

    /** True if the row has no value. */
    public boolean isNull() {
        return isNull;
    }

    /** A copy of the bytes of the row. */
    public byte[] bytes() throws IOException {
        return values().bytes();
    }

    /** The whole number of the row. */
    public long whole() throws IOException {
        return values().whole();
    }
}
