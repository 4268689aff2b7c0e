package cloze.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The memory of one backend. Freed blocks are kept by size class for reuse: a training step requests the same sizes
 * each time, so from the second step on no block is mapped or filled with zeros. The free block with the lowest address
 * is used first, so addresses repeat: they depend on the set of free blocks at the start of a step, not on the order of
 * freeing. Thread-safe; reuse of a block takes no lock.
 *
 * <p>Memory that is returned to the device is never in use: a backend whose kernels read memory by its address calls them
 * between {@link #enter} and {@link #leave}, and the pool waits for such calls before it unmaps. A pool or a scope that is
 * forgotten, so that nothing can reach it or its tensors, is given back and reported as a warning.
 */
public final class Pool implements AutoCloseable {
    /** Blocks of at least this size are mapped individually, so that {@link #trim} can unmap them. */
    private static final long LARGE = 4L << 20;

    private static final long SLAB = 16L << 20;
    private static final long ALIGNMENT = 64;

    /** A part of a mapping. Its index is that in the scope that owns it. */
    static final class Block {
        private final long address;
        private final long bytes;
        private final MemorySegment segment;
        int index;

        Block(long address, long bytes, MemorySegment segment) {
            this.address = address;
            this.bytes = bytes;
            this.segment = segment;
        }

        long address() {
            return address;
        }

        long bytes() {
            return bytes;
        }

        MemorySegment segment() {
            return segment;
        }
    }

    /** @param lifetime of the segments over it */
    private record Mapping(long bytes, Arena lifetime) {}

    /** What is mapped from a device. It does not know its pool, so that a forgotten pool can be given back. */
    private record Mappings(DeviceMemory device, String name, Map<Long, Mapping> all) implements Runnable {
        void unmap(long address) {
            Mapping mapping = all.get(address);
            if (mapping != null) {
                mapping.lifetime.close();
                all.remove(address);
                device.unmap(address, mapping.bytes);
            }
        }

        /** Unmaps all, even if some calls fail; returns the first failure. */
        @Nullable
        RuntimeException unmapAll() {
            RuntimeException failure = null;
            for (long address : List.copyOf(all.keySet())) {
                try {
                    unmap(address);
                } catch (RuntimeException e) {
                    failure = failure == null ? e : failure; // a lost device fails for each block in the same way
                }
            }
            return failure;
        }

        /** Of a pool that nothing can reach. */
        @Override
        public void run() {
            if (all.isEmpty()) {
                return;
            }
            long bytes = all.values().stream().mapToLong(Mapping::bytes).sum();
            LOG.warn("the memory of {} was forgotten without close: {} are given back", name, mebibytes(bytes));
            RuntimeException failure = unmapAll();
            if (failure != null) {
                LOG.warn("the memory of {} can not be given back: {}", name, failure.getMessage());
            }
        }
    }

    private static final Logger LOG = LoggerFactory.getLogger(Pool.class);
    private static final Cleaner CLEANER = Cleaner.create();

    private final String name;
    private final DeviceMemory device;
    private final long budget;
    private final Map<Long, ConcurrentSkipListMap<Long, Block>> free = new ConcurrentHashMap<>();
    private final Set<Scope.Holding> open = ConcurrentHashMap.newKeySet();
    private final CallGate gate;
    private final Mappings mapped;
    private final Cleaner.Cleanable forgotten;
    private final AtomicLong bytesMapped = new AtomicLong();
    private final AtomicLong bytesUsed = new AtomicLong();
    private final AtomicLong peak = new AtomicLong();
    private final Object slabLock = new Object();
    private long slab;
    private long slabLeft;
    private MemorySegment slabSegment = MemorySegment.NULL;

    /** @param budget maximum of mapped bytes, {@link Long#MAX_VALUE} for no limit */
    public Pool(DeviceMemory device, long budget) {
        this("the device", device, budget);
    }

    /**
     * A pool of a backend.
     *
     * @param name of the backend, for messages
     * @param budget maximum of mapped bytes, {@link Long#MAX_VALUE} for no limit
     */
    public Pool(String name, DeviceMemory device, long budget) {
        this.name = name;
        this.device = device;
        this.budget = budget;
        gate = new CallGate(() -> "backend " + name);
        mapped = new Mappings(device, name, new ConcurrentHashMap<>());
        forgotten = CLEANER.register(this, mapped);
        device.reclaimBy(this::trim);
    }

    /**
     * Opens a scope; messages contain its name.
     *
     * @throws IllegalStateException if the pool is closed
     */
    public Scope scope(String scopeName) {
        var holding = new Scope.Holding(scopeName, this);
        open.add(holding);
        if (gate.isClosed()) { // asked afterwards: close() ends all that were there before
            open.remove(holding);
            throw closed(String.format(Locale.ROOT, "so it has no scope '%s'", scopeName));
        }
        var scope = new Scope(holding);
        holding.forgotten = CLEANER.register(scope, holding::forget);
        return scope;
    }

    /**
     * Begins a call that uses memory of this pool; {@link #leave} ends it, by the same thread. Memory is not unmapped
     * meanwhile. Not to be called around allocations.
     *
     * @throws IllegalStateException if the pool is closed
     */
    public void enter() {
        gate.enter();
    }

    public void leave() {
        gate.leave();
    }

    private IllegalStateException closed(String so) {
        return new IllegalStateException(String.format(Locale.ROOT, "backend %s is closed, %s", name, so));
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
                .sorted(Comparator.comparingLong(Scope.Holding::bytes).reversed())
                .limit(8)
                .map(scope -> String.format(Locale.ROOT, "'%s' %s", scope.name, mebibytes(scope.bytes())))
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

    void closed(Scope.Holding scope) {
        open.remove(scope);
    }

    /** Takes back what a scope held that nothing can reach. A call may still be under way with it, but no other begins. */
    void takeBack(Scope.Holding scope) {
        LOG.warn("scope '{}' was forgotten without close: {} are given back", scope.name, mebibytes(scope.bytes()));
        gate.between(scope::end);
    }

    /** Unmaps all unused large blocks, between two calls. Not to be called within a call. */
    public void trim() {
        gate.between(this::unmapLarge);
    }

    private void unmapLarge() {
        for (var entry : free.entrySet()) {
            if (entry.getKey() >= LARGE) {
                for (Block block = poll(entry.getValue()); block != null; block = poll(entry.getValue())) {
                    unmap(block.address(), block.bytes());
                }
            }
        }
    }

    @SuppressWarnings("MustBeClosedChecker") // closed when what it is for is unmapped
    private static Arena lifetime() {
        return Arena.ofShared();
    }

    private Block mapLarge(String tensor, long size) {
        Arena lifetime = lifetime();
        long address = map(tensor, size, lifetime);
        return new Block(address, size, device.view(address, size, lifetime));
    }

    private Block carve(String tensor, long size) {
        synchronized (slabLock) {
            if (slabLeft < size) {
                Arena lifetime = lifetime();
                slab = map(tensor, SLAB, lifetime);
                slabLeft = SLAB;
                slabSegment = device.view(slab, SLAB, lifetime);
            }
            long address = slab;
            MemorySegment segment = slabSegment.byteSize() == 0
                    ? MemorySegment.ofAddress(address) // the host can not read it
                    : slabSegment.asSlice(SLAB - slabLeft, size);
            slab += size;
            slabLeft -= size;
            return new Block(address, size, segment);
        }
    }

    private long map(String tensor, long bytes, Arena lifetime) {
        if (bytesMapped.get() + bytes > budget) {
            trim();
        }
        if (bytesMapped.addAndGet(bytes) > budget) {
            bytesMapped.addAndGet(-bytes);
            throw outOfMemory(tensor, bytes, "the budget is " + mebibytes(budget));
        }
        if (gate.isClosed()) {
            throw closed("so it has no memory for " + tensor);
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
        mapped.all.put(address, new Mapping(bytes, lifetime));
        if (gate.isClosed()) { // asked afterwards: close() unmaps all that were there before
            mapped.unmap(address);
            throw closed("so it has no memory for " + tensor);
        }
        peak.accumulateAndGet(bytesMapped.get(), Math::max);
        return address;
    }

    private void unmap(long address, long bytes) {
        bytesMapped.addAndGet(-bytes);
        mapped.unmap(address);
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
     * Waits for calls under way and unmaps all memory, even if some calls of the device fail; the first failure is thrown.
     * Tensors and scopes of the pool throw from then on, and so do further calls.
     *
     * @throws IllegalStateException if scopes are still open; the message names them
     */
    @Override
    public void close() {
        if (!gate.close()) {
            return;
        }
        String leaked = report();
        for (Scope.Holding scope : open) {
            scope.endWith(name);
        }
        open.clear();
        free.clear();
        RuntimeException failure = mapped.unmapAll();
        forgotten.clean(); // nothing is left, so nothing is reported
        if (failure != null) {
            throw failure;
        }
        if (!leaked.isEmpty()) {
            throw new IllegalStateException("closed with open scopes: " + leaked);
        }
    }
}
