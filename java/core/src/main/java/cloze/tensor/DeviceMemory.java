package cloze.tensor;

import java.lang.foreign.MemorySegment;

/** The memory of one device, as large blocks; {@link Pool} cuts them up and keeps them for reuse. */
public interface DeviceMemory {
    /**
     * A new block, aligned to at least 64 bytes.
     *
     * @return its address, or 0 if the device has no more
     */
    long map(long bytes);

    void unmap(long address, long bytes);

    /**
     * Tells how memory that nobody uses, but which is kept for reuse, is given back: a device that maps memory for its own
     * needs may ask for it.
     */
    default void reclaimBy(Runnable trim) {}

    /** A segment over part of a mapped block: readable on the host, without extent where only the device can read. */
    MemorySegment view(long address, long bytes);

    /** What is left of the device and who else may hold it, as a clause for messages; empty if that is unknown. */
    default String left() {
        return "";
    }
}
