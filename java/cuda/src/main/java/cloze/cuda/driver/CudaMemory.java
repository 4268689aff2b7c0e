package cloze.cuda.driver;

import cloze.backend.BackendException;
import cloze.tensor.DeviceMemory;
import java.lang.foreign.MemorySegment;
import jcuda.CudaException;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

/** Memory of the GPU. Segments have no extent, since the host can not read them. */
public final class CudaMemory implements DeviceMemory {
    /** A pointer whose address the fast way can use. */
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

    /** Runs before memory is given back: work that needs it must be on its way, which the device then waits for. */
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
            throw new BackendException("%d bytes on %s: %s".formatted(bytes, driver.device(), e.getMessage()), e);
        }
    }

    @Override
    public void reclaimBy(Runnable trim) {
        reclaim = trim;
    }

    /** A new block for what is no tensor: what tensors left for reuse makes room for it. @return its address, or 0 */
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
        driver.enter(); // now, since a virtual thread that had to wait may be on another thread of the system
        JCudaDriver.cuMemFree(at(address));
    }

    @Override
    public MemorySegment view(long address, long bytes) {
        return MemorySegment.ofAddress(address);
    }

    @Override
    public String left() {
        long[] bytes = driver.memory();
        return ": %s has %.1f MiB free of %.1f MiB, what is missing is held by other processes, kernels and libraries"
                .formatted(driver.device(), bytes[0] / 0x1p20, bytes[1] / 0x1p20);
    }
}
