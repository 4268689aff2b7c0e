package cloze.checkpoint;

import cloze.tensor.Shape;

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
        return "%s %s %s".formatted(CheckpointException.quote(name), shape, type);
    }
}
