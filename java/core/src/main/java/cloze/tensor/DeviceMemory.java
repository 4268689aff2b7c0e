package cloze.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Maps large blocks of one device's memory; {@link Pool} divides them and keeps them for reuse. */
public interface DeviceMemory {
    /**
     * Maps a new block, aligned to at least 64 bytes.
     *
     * @return its address, or 0 if the device has no memory left
     */
    long map(long bytes);

    void unmap(long address, long bytes);

    /**
     * Registers {@code trim}, which returns unused blocks to the device. A device may call it when it needs memory
     * itself.
     */
    default void reclaimBy(Runnable trim) {}

    /**
     * A segment over part of a mapped block; it has no extent if the host cannot read the memory.
     *
     * @param lifetime closed before the block is unmapped; no access to the segment is possible from then on
     */
    MemorySegment view(long address, long bytes, Arena lifetime);

    /** The free memory of the device and its other users, as a clause for messages; empty if unknown. */
    default String left() {
        return "";
    }
}
