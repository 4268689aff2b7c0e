package cloze.cuda.graph;

import cloze.backend.BackendException;
import cloze.cuda.driver.CudaMemory;
import cloze.cuda.driver.CudaStream;
import cloze.cuda.driver.Driver;
import cloze.cuda.driver.Extent;
import cloze.cuda.driver.KernelImages;
import cloze.cuda.driver.Teardown;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import jcuda.CudaException;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * The stream of a backend and the memory that its launches share: slots for arguments outside the heap, and scratch on the
 * device, which the next kernel of the stream may overwrite. Callers hold its lock.
 */
public final class CudaQueue implements AutoCloseable {
    private static final int SLOTS = 64;

    private final Driver driver;
    private final CudaStream stream;
    private final CudaMemory memory;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment slots = arena.allocate(ValueLayout.JAVA_LONG, SLOTS);
    private final MemorySegment pointers = arena.allocate(ValueLayout.JAVA_LONG, SLOTS);
    private final LaunchLog log = new LaunchLog();
    private final IndexFault faults;
    private final boolean graphs;
    private final Map<String, Repetition> repetitions = new HashMap<>();
    private @Nullable Repetition open;
    private long scratch;
    private long scratchBytes;
    private volatile boolean closed;

    /** @param graphs true turns repeated work into CUDA graphs */
    public CudaQueue(Driver driver, CudaMemory memory, boolean graphs) {
        this.driver = driver;
        this.memory = memory;
        this.graphs = graphs;
        try {
            stream = new CudaStream(driver);
            faults = new IndexFault();
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
        for (int i = 0; i < SLOTS; i++) {
            pointers.setAtIndex(ValueLayout.JAVA_LONG, i, slots.address() + 8L * i);
        }
        memory.beforeUnmap(this::flush);
    }

    /** Refuses work from now on. */
    public void refuse() {
        closed = true;
    }

    /** @throws IllegalStateException after {@link #refuse} */
    public void requireOpen() {
        if (closed) {
            throw new IllegalStateException("backend cuda is closed");
        }
    }

    Driver driver() {
        return driver;
    }

    CudaStream stream() {
        return stream;
    }

    public IndexFault faults() {
        return faults;
    }

    public LaunchLog log() {
        return log;
    }

    /** Begins work that the calling thread repeats; null if another repetition is open. */
    public synchronized @Nullable Repetition begin(String what) {
        if (!graphs || open != null) {
            return null;
        }
        Repetition repetition = repetitions.computeIfAbsent(what, name -> new Repetition(name, this));
        repetition.begin();
        open = repetition;
        return repetition;
    }

    synchronized void end(Repetition repetition) {
        driver.enter();
        open = null;
        repetition.end();
    }

    /** The calling thread's repetition, or null. A call by another thread ends the use of graphs in this repetition. */
    private @Nullable Repetition repeated() {
        Repetition repetition = open;
        if (repetition == null || repetition.isMine()) {
            return repetition;
        }
        repetition.disturb();
        return null;
    }

    /**
     * Enqueues a kernel.
     *
     * @param values its arguments; not changed afterwards
     * @param addresses bit i is set if argument i is an address
     * @return CUDA's number, 0 for success
     */
    public int launch(KernelImages.Kernel kernel, Extent extent, long[] values, long addresses) {
        requireOpen();
        Repetition repetition = repeated();
        return repetition == null
                ? submit(kernel, extent, values, stream)
                : repetition.launch(kernel, extent, values, addresses);
    }

    /** @return CUDA's number, 0 for success */
    int submit(KernelImages.Kernel kernel, Extent extent, long[] values, CudaStream to) {
        fill(values);
        return driver.functions().launch(kernel.address(), extent, to.address(), pointers.address());
    }

    /** The address of the table of slots, which the driver needs; the slots hold {@code values}. */
    long arguments(long[] values) {
        fill(values);
        return pointers.address();
    }

    private void fill(long[] values) {
        for (int i = 0; i < values.length; i++) {
            slots.setAtIndex(ValueLayout.JAVA_LONG, i, values[i]);
        }
    }

    /**
     * Enqueues a call of a library, which launches kernels of its own in a stream.
     *
     * @param key equal for calls with the same computation and the same addresses
     * @param call gets the stream; may be called again
     */
    public void library(Object key, Consumer<CudaStream> call) {
        add(new Work.Library(key, call));
    }

    public void add(Work work) {
        requireOpen();
        log.add(work);
        Repetition repetition = repeated();
        if (repetition == null) {
            work.enqueue(this, stream);
        } else {
            repetition.add(work);
        }
    }

    /** Notes that the host is about to copy to or from the device; address and size are part of a repetition. */
    public void meet(String what, long at, long bytes) {
        Repetition repetition = repeated();
        if (repetition != null) {
            repetition.meet(new Work.Meeting(what, at, bytes));
        }
    }

    /** Enqueues the work that still waits for its graph. */
    synchronized void flush() {
        if (open != null) {
            driver.enter();
            open.flush();
        }
    }

    /** The address of device memory of at least so many bytes, valid until the next call. */
    public long scratch(long bytes) {
        requireOpen();
        if (bytes > scratchBytes) {
            synchronize();
            long ample = Math.max(2 * scratchBytes, Math.max(bytes, 1 << 20));
            freeScratch();
            scratch = memory.map(ample);
            scratchBytes = ample;
            if (scratch == 0) {
                scratch = memory.mapReclaiming(bytes);
                scratchBytes = bytes;
            }
            if (scratch == 0) {
                scratchBytes = 0;
                throw new BackendException(String.format(
                        Locale.ROOT, "%s has no %d bytes left for sums of kernels", driver.device(), bytes));
            }
        }
        return scratch;
    }

    private void freeScratch() {
        long address = scratch;
        long bytes = scratchBytes;
        scratch = 0;
        scratchBytes = 0;
        if (address != 0) {
            memory.unmap(address, bytes);
        }
    }

    public void synchronize() {
        flush();
        guard("waiting for the device", () -> JCudaDriver.cuStreamSynchronize(stream));
        log.clear();
    }

    /** Calls the driver. The message of a failure lists the last launches, since a kernel's error is reported late. */
    void guard(String what, Runnable call) {
        try {
            call.run();
        } catch (CudaException e) {
            throw failure(what, String.valueOf(e.getMessage()));
        }
    }

    public BackendException failure(String what, String error) {
        String before = log.report();
        return new BackendException(String.format(
                Locale.ROOT, "%s on %s: %s%s", what, driver.device(), error, before.isEmpty() ? "" : "; " + before));
    }

    /** To be called after the last work has ended. */
    @Override
    public void close() {
        var parts = new Teardown();
        repetitions.values().forEach(repetition -> parts.free(repetition::forget));
        parts.free(this::freeScratch)
                .free(stream::close)
                .free(faults::close)
                .free(arena::close)
                .end();
    }
}
