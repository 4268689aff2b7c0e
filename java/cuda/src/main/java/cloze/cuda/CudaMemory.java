package cloze.cuda;

import cloze.tensor.DeviceMemory;
import java.lang.foreign.MemorySegment;
import jcuda.CudaException;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

/** Memory of the GPU. Segments have no extent, since the host can not read them. */
final class CudaMemory implements DeviceMemory {
    /** A pointer whose address the fast way can use. */
    private static final class Block extends CUdeviceptr {
        long address() {
            return getNativePointer();
        }
    }

    private final Driver driver;

    CudaMemory(Driver driver) {
        this.driver = driver;
    }

    static CUdeviceptr at(long address) {
        return new CUdeviceptr().withByteOffset(address);
    }

    @Override
    public long map(long bytes) {
        driver.enter();
        var block = new Block();
        try {
            JCudaDriver.cuMemAlloc(block, bytes);
            return block.address();
        } catch (CudaException _) {
            return 0; // CUDA_ERROR_OUT_OF_MEMORY
        }
    }

    @Override
    public void unmap(long address, long bytes) {
        driver.enter();
        JCudaDriver.cuMemFree(at(address));
    }

    @Override
    public MemorySegment view(long address, long bytes) {
        return MemorySegment.ofAddress(address);
    }
}
