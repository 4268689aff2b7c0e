package cloze.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Device memory that counts what is mapped, and has no more after {@code capacity} bytes. */
final class HostMemory implements DeviceMemory {
    private final Map<Long, MemorySegment> blocks = new TreeMap<>();
    private final long capacity;
    private long mapped;

    HostMemory(long capacity) {
        this.capacity = capacity;
    }

    @Override
    public synchronized long map(long bytes) {
        if (mapped + bytes > capacity) {
            return 0;
        }
        MemorySegment block = Arena.ofAuto().allocate(bytes, 64);
        blocks.put(block.address(), block);
        mapped += bytes;
        return block.address();
    }

    @Override
    public synchronized void unmap(long address, long bytes) {
        MemorySegment block = blocks.remove(address);
        if (block == null || block.byteSize() != bytes) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "%d bytes at %d were never mapped", bytes, address));
        }
        mapped -= bytes;
    }

    @Override
    public synchronized MemorySegment view(long address, long bytes, Arena lifetime) {
        for (MemorySegment block : blocks.values()) {
            long offset = address - block.address();
            if (offset >= 0 && offset + bytes <= block.byteSize()) {
                return block.asSlice(offset, bytes);
            }
        }
        throw new IllegalArgumentException(String.format(Locale.ROOT, "%d bytes at %d are not mapped", bytes, address));
    }

    synchronized long mapped() {
        return mapped;
    }
}
