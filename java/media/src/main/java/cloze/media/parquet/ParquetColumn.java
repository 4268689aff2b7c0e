package cloze.media.parquet;

/**
 * A column of values.
 *
 * @param index place among all columns of the file
 * @param path names from the root on, with dots between them
 * @param content what the schema says of its bytes
 * @param optional number of levels that may be null
 * @param isRepeated true if a row may have several values
 */
public record ParquetColumn(int index, String path, Type type, Content content, int optional, boolean isRepeated) {
    /** How values are stored. */
    public enum Type {
        BYTES,
        INT32,
        INT64,
        /** Floats, truth values and bytes of one size, which are not read. */
        OTHER
    }

    /** What bytes mean. */
    public enum Content {
        TEXT,
        UNNAMED,
        /** Another meaning, such as JSON or a decimal number. */
        OTHER
    }

    /** The last part of the path. */
    public String name() {
        return path.substring(path.lastIndexOf('.') + 1);
    }

    /** True if each row has one whole number, or null. */
    public boolean isWhole() {
        return (type == Type.INT32 || type == Type.INT64) && !isRepeated;
    }

    /** True if each row has one string of bytes, or null. */
    public boolean isBytes() {
        return type == Type.BYTES && !isRepeated;
    }
}
