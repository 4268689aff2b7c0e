package cloze.cuda;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Precision;
import cloze.tensor.Pool;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jcuda.CudaException;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/** Runs every op with the kernels of {@code cuda/}, all in one stream. */
final class CudaBackend implements Backend {
    private final Driver driver;
    private final KernelImages images;
    private final CudaQueue queue;
    private final Staging staging;
    private final CudaKernels kernels;
    private final Pool memory;
    private final Precision precision;
    private final Products products;
    private final @Nullable CublasLt cublasLt;
    private final int capability;

    CudaBackend(Driver driver, BackendOptions options) {
        this.driver = driver;
        products = Products.choose(driver);
        images = KernelImages.open(driver);
        images.check();
        var device = new CudaMemory(driver);
        queue = new CudaQueue(driver, device);
        staging = new Staging(driver);
        precision = options.precision();
        cublasLt = products.library() == null
                ? null
                : new CublasLt(products.library().library());
        capability = driver.capability();
        kernels = new CudaKernels(driver, images, queue, precision, cublasLt, capability);
        memory = new Pool(device, options.memory());
    }

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public String description() {
        return "cuda: %s, %s, %s, %s, %s"
                .formatted(
                        driver, precision, images, products.describe(cublasLt), AttentionHopper.describe(capability));
    }

    @Override
    public Pool memory() {
        return memory;
    }

    @Override
    public <K> K kernel(Class<K> type) {
        return type.cast(kernels.get(type));
    }

    @Override
    public Precision precision() {
        return precision;
    }

    private void transfer(String what, Tensor tensor, Runnable copy) {
        synchronized (queue) {
            driver.enter();
            try {
                copy.run();
            } catch (CudaException e) {
                throw new BackendException("%s of %s: %s".formatted(what, tensor, e.getMessage()), e);
            }
        }
    }

    @Override
    public void upload(MemorySegment host, Tensor tensor) {
        long to = tensor.memory().address();
        transfer("upload", tensor, () -> staging.upload(host, to, tensor.bytes(), queue.handle()));
    }

    @Override
    public void download(Tensor tensor, MemorySegment host) {
        long from = tensor.memory().address();
        transfer("download", tensor, () -> staging.download(from, host, tensor.bytes(), queue.handle()));
    }

    @Override
    public void copy(Tensor from, Tensor to) {
        if (to.bytes() > 0) {
            transfer(
                    "copy",
                    to,
                    () -> JCudaDriver.cuMemcpyDtoDAsync(
                            CudaMemory.at(to.memory().address()),
                            CudaMemory.at(from.memory().address()),
                            to.bytes(),
                            queue.handle()));
        }
    }

    @Override
    public void zero(Tensor tensor) {
        if (tensor.bytes() > 0) {
            transfer(
                    "zero",
                    tensor,
                    () -> JCudaDriver.cuMemsetD8Async(
                            CudaMemory.at(tensor.memory().address()), (byte) 0, tensor.bytes(), queue.handle()));
        }
    }

    @Override
    public void synchronize() {
        driver.enter();
        queue.synchronize();
    }

    @Override
    public void close() {
        driver.enter();
        queue.synchronize();
        if (cublasLt != null) {
            cublasLt.close();
        }
        queue.close();
        staging.close();
        images.close();
        memory.close();
    }
}
