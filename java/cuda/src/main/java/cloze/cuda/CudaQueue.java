package cloze.cuda;

import cloze.backend.BackendException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.CudaException;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * The stream of a backend, and what its launches share: slots for arguments off the heap, and scratch on the device,
 * which the next kernel of the stream may overwrite. Locked by whoever launches.
 */
final class CudaQueue implements AutoCloseable {
    private static final int SLOTS = 64;

    /** A stream whose address the fast way can use. */
    private static final class Stream extends CUstream {
        long address() {
            return getNativePointer();
        }
    }

    private final Stream stream = new Stream();
    private final CudaMemory memory;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment slots = arena.allocate(ValueLayout.JAVA_LONG, SLOTS);
    private final MemorySegment pointers = arena.allocate(ValueLayout.JAVA_LONG, SLOTS);
    private long scratch;
    private long scratchBytes;

    CudaQueue(Driver driver, CudaMemory memory) {
        this.memory = memory;
        driver.enter();
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING);
        for (int i = 0; i < SLOTS; i++) {
            pointers.setAtIndex(ValueLayout.JAVA_LONG, i, slots.address() + 8L * i);
        }
    }

    MemorySegment slots() {
        return slots;
    }

    /** Address of the table of the slots' addresses, as the driver wants arguments. */
    long pointers() {
        return pointers.address();
    }

    CUstream handle() {
        return stream;
    }

    long stream() {
        return stream.address();
    }

    /** Device memory of so many bytes, until the next call. */
    long scratch(long bytes) {
        if (bytes > scratchBytes) {
            synchronize();
            if (scratch != 0) {
                memory.unmap(scratch, scratchBytes);
            }
            scratchBytes = Math.max(2 * scratchBytes, Math.max(bytes, 1 << 20));
            scratch = memory.map(scratchBytes);
            if (scratch == 0) {
                scratchBytes = 0;
                throw new BackendException("the device has no %d bytes left for sums of kernels".formatted(bytes));
            }
        }
        return scratch;
    }

    void synchronize() {
        try {
            JCudaDriver.cuStreamSynchronize(stream);
        } catch (CudaException e) {
            throw new BackendException("a kernel failed: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        synchronize();
        if (scratch != 0) {
            memory.unmap(scratch, scratchBytes);
        }
        JCudaDriver.cuStreamDestroy(stream);
        arena.close();
    }
}
