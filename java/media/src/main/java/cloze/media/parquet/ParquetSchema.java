package cloze.media.parquet;

import cloze.io.DataException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Turns the tree of names in a footer, which is written parents first, into columns. */
final class ParquetSchema {
    private static final int DEEPEST = 32;
    private static final int UTF8 = 0;
    private static final int OPTIONAL = 1;
    private static final int REPEATED = 2;
    private static final int STRING = 1; // a field of the union of logical types

    private final List<ThriftStruct> elements;
    private final List<ParquetColumn> columns = new ArrayList<>();
    private int next;

    private ParquetSchema(List<ThriftStruct> elements) {
        this.elements = elements;
    }

    static List<ParquetColumn> columns(List<ThriftStruct> elements) throws DataException {
        var schema = new ParquetSchema(elements);
        int roots = schema.take().size(5);
        for (int i = 0; i < roots; i++) {
            schema.add("", 0, false, 0);
        }
        return schema.columns;
    }

    private ThriftStruct take() throws DataException {
        if (next >= elements.size()) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected more than %d names in the schema, found no more", next));
        }
        return elements.get(next++);
    }

    private void add(String parent, int optional, boolean isRepeated, int depth) throws DataException {
        ThriftStruct element = take();
        if (depth > DEEPEST) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected a schema of %d levels at most, found more", DEEPEST));
        }
        String path = parent + element.text(4);
        long repetition = element.number(3, 0);
        int levels = optional + (repetition == OPTIONAL || repetition == REPEATED ? 1 : 0);
        boolean repeated = isRepeated || repetition == REPEATED;
        if (element.has(5)) {
            int children = element.size(5);
            for (int i = 0; i < children; i++) {
                add(path + ".", levels, repeated, depth + 1);
            }
            return;
        }
        columns.add(new ParquetColumn(columns.size(), path, type(element), content(element), levels, repeated));
    }

    private static ParquetColumn.Content content(ThriftStruct element) throws DataException {
        if (element.number(6, -1) == UTF8
                || (element.has(10) && element.struct(10).has(STRING))) {
            return ParquetColumn.Content.TEXT;
        }
        return element.has(6) || element.has(10) ? ParquetColumn.Content.OTHER : ParquetColumn.Content.UNNAMED;
    }

    private static ParquetColumn.Type type(ThriftStruct element) throws DataException {
        return switch (element.size(1)) {
            case 1 -> ParquetColumn.Type.INT32;
            case 2 -> ParquetColumn.Type.INT64;
            case 6 -> ParquetColumn.Type.BYTES;
            default -> ParquetColumn.Type.OTHER;
        };
    }
}
