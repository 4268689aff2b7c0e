package cloze.checkpoint;

import cloze.tensor.Shape;
import java.util.Locale;

/**
 * One tensor of a safetensors file.
 *
 * @param begin offset of the first byte, from the end of the header
 * @param end offset after the last byte
 */
public record StoredTensor(String name, StoredType type, Shape shape, long begin, long end) {
    /** Size in bytes. */
    public long bytes() {
        return end - begin;
    }

    /** Number of elements. */
    public long size() {
        return bytes() / type.bytes();
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%s %s %s", CheckpointException.quote(name), shape, type);
    }
}
