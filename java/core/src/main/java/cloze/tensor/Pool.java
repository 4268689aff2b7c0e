package cloze.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one backend. Freed blocks are kept by size class for reuse: a training step requests the same sizes
 * each time, so from the second step on no block is mapped or filled with zeros. The free block with the lowest address
 * is used first, so addresses repeat: they depend on the set of free blocks at the start of a step, not on the order of
 * freeing. Thread-safe; reuse of a block takes no lock.
 */
public final class Pool implements AutoCloseable {
    /** Blocks of at least this size are mapped individually, so that {@link #trim} can unmap them. */
    private static final long LARGE = 4L << 20;

    private static final long SLAB = 16L << 20;
    private static final long ALIGNMENT = 64;

    record Block(long address, long bytes, MemorySegment segment) {}

    private final DeviceMemory device;
    private final long budget;
    private final Map<Long, ConcurrentSkipListMap<Long, Block>> free = new ConcurrentHashMap<>();
    private final Set<Scope> open = ConcurrentHashMap.newKeySet();
    private final Map<Long, Long> mapped = new ConcurrentHashMap<>();
    private final AtomicLong bytesMapped = new AtomicLong();
    private final AtomicLong bytesUsed = new AtomicLong();
    private final AtomicLong peak = new AtomicLong();
    private final Object slabLock = new Object();
    private long slab;
    private long slabLeft;

    /** @param budget maximum of mapped bytes, {@link Long#MAX_VALUE} for no limit */
    public Pool(DeviceMemory device, long budget) {
        this.device = device;
        this.budget = budget;
        device.reclaimBy(this::trim);
    }

    /** Opens a scope; messages contain its name. */
    public Scope scope(String name) {
        var scope = new Scope(name, this);
        open.add(scope);
        return scope;
    }

    /** Bytes held by open scopes. */
    public long bytesUsed() {
        return bytesUsed.get();
    }

    /** Bytes mapped from the device, in use or kept for reuse. */
    public long bytesMapped() {
        return bytesMapped.get();
    }

    /** Maximum of {@link #bytesMapped} so far. */
    public long peakBytes() {
        return peak.get();
    }

    public long budget() {
        return budget;
    }

    /** The eight largest open scopes with their sizes, largest first. */
    public String report() {
        return open.stream()
                .sorted(Comparator.comparingLong(Scope::bytes).reversed())
                .limit(8)
                .map(scope -> String.format(Locale.ROOT, "'%s' %s", scope.name(), mebibytes(scope.bytes())))
                .collect(Collectors.joining(", "));
    }

    Block take(String tensor, long bytes) {
        long size = sizeClass(bytes);
        Block block = poll(free.get(size));
        if (block == null) {
            block = size >= LARGE ? mapLarge(tensor, size) : carve(tensor, size);
        }
        bytesUsed.addAndGet(size);
        return block;
    }

    private static @Nullable Block poll(@Nullable ConcurrentSkipListMap<Long, Block> blocks) {
        var entry = blocks == null ? null : blocks.pollFirstEntry();
        return entry == null ? null : entry.getValue();
    }

    void giveBack(Block block) {
        bytesUsed.addAndGet(-block.bytes());
        free.computeIfAbsent(block.bytes(), _ -> new ConcurrentSkipListMap<>()).put(block.address(), block);
    }

    void closed(Scope scope) {
        open.remove(scope);
    }

    MemorySegment view(long address, long bytes) {
        return device.view(address, bytes);
    }

    /** Unmaps all unused large blocks. */
    public void trim() {
        for (var entry : free.entrySet()) {
            if (entry.getKey() >= LARGE) {
                for (Block block = poll(entry.getValue()); block != null; block = poll(entry.getValue())) {
                    unmap(block.address(), block.bytes());
                }
            }
        }
    }

    private Block mapLarge(String tensor, long size) {
        long address = map(tensor, size);
        return new Block(address, size, device.view(address, size));
    }

    private Block carve(String tensor, long size) {
        synchronized (slabLock) {
            if (slabLeft < size) {
                slab = map(tensor, SLAB);
                slabLeft = SLAB;
            }
            long address = slab;
            slab += size;
            slabLeft -= size;
            return new Block(address, size, device.view(address, size));
        }
    }

    private long map(String tensor, long bytes) {
        if (bytesMapped.get() + bytes > budget) {
            trim();
        }
        if (bytesMapped.addAndGet(bytes) > budget) {
            bytesMapped.addAndGet(-bytes);
            throw outOfMemory(tensor, bytes, "the budget is " + mebibytes(budget));
        }
        long address = device.map(bytes);
        if (address == 0) { // unused blocks may occupy the memory that is needed
            trim();
            address = device.map(bytes);
        }
        if (address == 0) {
            bytesMapped.addAndGet(-bytes);
            throw outOfMemory(tensor, bytes, "the device has no memory left" + device.left());
        }
        mapped.put(address, bytes);
        peak.accumulateAndGet(bytesMapped.get(), Math::max);
        return address;
    }

    private void unmap(long address, long bytes) {
        mapped.remove(address);
        bytesMapped.addAndGet(-bytes);
        device.unmap(address, bytes);
    }

    private OutOfMemoryException outOfMemory(String tensor, long bytes, String why) {
        return new OutOfMemoryException(String.format(
                Locale.ROOT,
                "%s needs %s more, but %s are mapped and %s; in use: %s; kept for reuse: %s; a smaller batch takes less",
                tensor,
                mebibytes(bytes),
                mebibytes(bytesMapped.get()),
                why,
                report(),
                mebibytes(bytesMapped.get() - bytesUsed.get())));
    }

    /** Rounds up to one of eight sizes per power of two, so at most 12.5 % of a block is unused. */
    private static long sizeClass(long bytes) {
        long least = Math.max(bytes, ALIGNMENT);
        long step = Math.max(ALIGNMENT, Long.highestOneBit(least) >> 3);
        return Math.ceilDiv(least, step) * step;
    }

    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
    }

    /**
     * Unmaps all memory, even if some calls fail; the first failure is thrown.
     *
     * @throws IllegalStateException if scopes are still open; the message names them
     */
    @Override
    public void close() {
        String leaked = report();
        RuntimeException failure = null;
        for (var block : mapped.entrySet()) {
            try {
                device.unmap(block.getKey(), block.getValue());
            } catch (RuntimeException e) {
                failure = failure == null ? e : failure; // a lost device fails for each block in the same way
            }
        }
        mapped.clear();
        free.clear();
        if (failure != null) {
            throw failure;
        }
        if (!leaked.isEmpty()) {
            throw new IllegalStateException("closed with open scopes: " + leaked);
        }
    }
}
