package cloze.cuda.driver;

import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** A stream that tells its address, for calls through the foreign function interface. */
public final class CudaStream extends CUstream implements AutoCloseable {
    public CudaStream(Driver driver) {
        driver.enter();
        JCudaDriver.cuStreamCreate(this, CUstream_flags.CU_STREAM_NON_BLOCKING);
    }

    public long address() {
        return getNativePointer();
    }

    @Override
    public void close() {
        JCudaDriver.cuStreamDestroy(this);
    }
}
