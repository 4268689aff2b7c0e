package cloze.tensor;

import java.util.Locale;

/** Element types, with their size in bytes. */
public enum DType {
    F32(4),
    BF16(2),
    I32(4);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    public int bytes() {
        return bytes;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
