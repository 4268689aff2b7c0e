package cloze.cuda.driver;

import cloze.backend.BackendException;
import cloze.tensor.DeviceMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import jcuda.CudaException;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

/** Memory of the GPU. Segments have length 0, since the host cannot read them. */
public final class CudaMemory implements DeviceMemory {
    /** A pointer that tells its address. */
    private static final class Block extends CUdeviceptr {
        long address() {
            return getNativePointer();
        }
    }

    private final Driver driver;
    private Runnable beforeUnmap = () -> {};
    private Runnable reclaim = () -> {};

    public CudaMemory(Driver driver) {
        this.driver = driver;
    }

    /** Work to do before memory is freed: launches that use it must be in the stream, which the driver waits for. */
    public void beforeUnmap(Runnable work) {
        beforeUnmap = work;
    }

    public static CUdeviceptr at(long address) {
        return new CUdeviceptr().withByteOffset(address);
    }

    @Override
    public long map(long bytes) {
        driver.enter();
        var block = new Block();
        try {
            JCudaDriver.cuMemAlloc(block, bytes);
            return block.address();
        } catch (CudaException e) {
            if (String.valueOf(e.getMessage()).contains("OUT_OF_MEMORY")) {
                return 0;
            }
            throw new BackendException(
                    String.format(Locale.ROOT, "%d bytes on %s: %s", bytes, driver.device(), e.getMessage()), e);
        }
    }

    @Override
    public void reclaimBy(Runnable trim) {
        reclaim = trim;
    }

    /**
     * Maps memory that is not for tensors. If there is too little, blocks that are kept for reuse by tensors are freed first.
     *
     * @return its address, or 0
     */
    public long mapReclaiming(long bytes) {
        long address = map(bytes);
        if (address == 0) {
            reclaim.run();
            address = map(bytes);
        }
        return address;
    }

    @Override
    public void unmap(long address, long bytes) {
        beforeUnmap.run();
        driver.enter(); // again: a virtual thread that waited may be on another thread of the system
        JCudaDriver.cuMemFree(at(address));
    }

    @Override
    public MemorySegment view(long address, long bytes, Arena lifetime) {
        return MemorySegment.ofAddress(address);
    }

    @Override
    public String left() {
        long[] bytes = driver.memory();
        return String.format(
                Locale.ROOT,
                ": %s has %.1f MiB free of %.1f MiB, what is missing is held by other processes, kernels and libraries",
                driver.device(),
                bytes[0] / 0x1p20,
                bytes[1] / 0x1p20);
    }
}
