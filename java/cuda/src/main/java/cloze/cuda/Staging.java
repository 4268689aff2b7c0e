package cloze.cuda;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * Pinned memory of the host, through which all copies go: the device reads and writes it at the full speed of the bus.
 * Locked by whoever copies.
 */
final class Staging implements AutoCloseable {
    private static final long BYTES = 8L << 20;

    private final Pointer pinned = new Pointer();
    private final MemorySegment host;

    Staging(Driver driver) {
        driver.enter();
        JCudaDriver.cuMemAllocHost(pinned, BYTES);
        host = MemorySegment.ofBuffer(pinned.getByteBuffer(0, BYTES).order(ByteOrder.nativeOrder()));
    }

    void upload(MemorySegment from, long to, long bytes, CUstream stream) {
        for (long at = 0; at < bytes; at += BYTES) {
            long count = Math.min(BYTES, bytes - at);
            MemorySegment.copy(from, at, host, 0, count);
            JCudaDriver.cuMemcpyHtoDAsync(device(to + at), pinned, count, stream);
            JCudaDriver.cuStreamSynchronize(stream); // the buffer is free again
        }
    }

    void download(long from, MemorySegment to, long bytes, CUstream stream) {
        for (long at = 0; at < bytes; at += BYTES) {
            long count = Math.min(BYTES, bytes - at);
            JCudaDriver.cuMemcpyDtoHAsync(pinned, device(from + at), count, stream);
            JCudaDriver.cuStreamSynchronize(stream);
            MemorySegment.copy(host, 0, to, at, count);
        }
    }

    private static CUdeviceptr device(long address) {
        return CudaMemory.at(address);
    }

    @Override
    public void close() {
        JCudaDriver.cuMemFreeHost(pinned);
    }
}
