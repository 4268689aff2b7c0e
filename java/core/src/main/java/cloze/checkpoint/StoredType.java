package cloze.checkpoint;

import cloze.tensor.DType;
import java.util.Optional;

/** Element types of a safetensors file, with the names of the format. */
public enum StoredType {
    F64(8),
    F32(4),
    F16(2),
    BF16(2),
    F8_E5M2(1),
    F8_E4M3(1),
    I64(8),
    U64(8),
    I32(4),
    U32(4),
    I16(2),
    U16(2),
    I8(1),
    U8(1),
    BOOL(1);

    private final int bytes;

    StoredType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }

    /** True if {@link Safetensors#copyTo} converts the elements to f32. */
    public boolean convertsToFloat() {
        return this == F64 || this == F32 || this == F16 || this == BF16;
    }

    /** The stored type of a tensor's elements; both enums use the same names. */
    public static StoredType of(DType dtype) {
        return valueOf(dtype.name());
    }

    static Optional<StoredType> named(String name) {
        for (StoredType type : values()) {
            if (type.name().equals(name)) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }
}
