package cloze.cuda;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Precision;
import cloze.cuda.attention.AttentionKernels;
import cloze.cuda.cublas.CublasLt;
import cloze.cuda.cublas.MatMulChoice;
import cloze.cuda.cudnn.ConvolutionChoice;
import cloze.cuda.cudnn.Cudnn;
import cloze.cuda.cudnn.LstmChoice;
import cloze.cuda.driver.CudaMemory;
import cloze.cuda.driver.Driver;
import cloze.cuda.driver.KernelImages;
import cloze.cuda.driver.Parts;
import cloze.cuda.driver.Teardown;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.graph.Repetition;
import cloze.cuda.graph.Transfers;
import cloze.cuda.graph.Work;
import cloze.tensor.Pool;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import jcuda.CudaException;
import org.jspecify.annotations.Nullable;

/** Runs every op with the kernels of {@code cuda/}, all in one stream. */
final class CudaBackend implements Backend {
    private static final String GRAPHS = "cloze.cuda.graphs";

    private final Driver driver;
    private final KernelImages images;
    private final CudaQueue queue;
    private final Transfers transfers;
    private final CudaKernels kernels;
    private final Pool memory;
    private final Precision precision;
    private final MatMulChoice matMul;
    private final @Nullable CublasLt cublasLt;
    private final ConvolutionChoice convolutions;
    private final LstmChoice lstms;
    private final @Nullable Cudnn cudnn;
    private final int capability;
    private final Parts parts = new Parts();
    private boolean closed;

    CudaBackend(Driver driver, BackendOptions options) {
        this.driver = driver;
        matMul = MatMulChoice.choose(driver);
        convolutions = ConvolutionChoice.choose();
        lstms = LstmChoice.choose();
        capability = driver.capability();
        AttentionKernels.useHopper(capability); // throws if the property asks for kernels that this GPU cannot run
        precision = options.precision();
        var device = new CudaMemory(driver);
        try {
            images = parts.add(KernelImages.open(driver), KernelImages::close);
            images.check();
            memory = parts.add(new Pool("cuda", device, options.memory()), Pool::close);
            queue = parts.add(new CudaQueue(driver, device, graphs()), CudaQueue::close);
            transfers = parts.add(new Transfers(queue, device), Transfers::close);
            cublasLt = matMul.library() == null
                    ? null
                    : parts.add(new CublasLt(matMul.library().library()), CublasLt::close);
            cudnn = convolutions.library() == null && lstms.library() == null
                    ? null
                    : parts.add(new Cudnn(), Cudnn::close);
        } catch (RuntimeException e) {
            parts.free(new Teardown(e).free(driver::enter));
            throw e;
        }
        kernels = new CudaKernels(
                driver,
                images,
                queue,
                precision,
                cublasLt,
                convolutions.library() == null ? null : cudnn,
                lstms.library() == null ? null : cudnn,
                capability);
    }

    /** @throws BackendException if the property is neither on nor off */
    static boolean graphs() {
        String choice = System.getProperty(GRAPHS, "on");
        if (!choice.equals("on") && !choice.equals("off")) {
            throw new BackendException(
                    String.format(Locale.ROOT, "%s must be on or off, but it is %s", GRAPHS, choice));
        }
        return choice.equals("on");
    }

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public String description() {
        return String.format(
                Locale.ROOT,
                "cuda: %s, %s, %s, %s, %s, %s, %s, %s",
                driver,
                precision,
                images.describe(),
                matMul.describe(cublasLt),
                convolutions.describe(cudnn),
                lstms.describe(cudnn),
                AttentionKernels.describe(capability),
                graphs() ? "graphs" : String.format(Locale.ROOT, "no graphs (%s=off)", GRAPHS));
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

    @Override
    public Capacity capacity() {
        queue.requireOpen();
        long[] bytes = driver.memory();
        long mapped = memory.bytesMapped();
        return new Capacity(
                bytes[0] + mapped,
                String.format(
                        Locale.ROOT,
                        "%s has %.2f GiB for tensors: of %.2f GiB, %.2f are held by other processes, kernels and libraries",
                        driver.device(),
                        (bytes[0] + mapped) / 0x1p30,
                        bytes[1] / 0x1p30,
                        (bytes[1] - bytes[0] - mapped) / 0x1p30));
    }

    @Override
    public Repeated repeated(String what) {
        queue.requireOpen();
        Repetition repetition = queue.begin(what);
        return repetition == null ? Backend.super.repeated(what) : repetition;
    }

    private void transfer(String what, Tensor tensor, Runnable copy) {
        if (tensor.bytes() == 0) {
            return;
        }
        synchronized (queue) {
            queue.requireOpen();
            driver.enter();
            try {
                copy.run();
            } catch (CudaException e) {
                throw queue.failure(
                        String.format(Locale.ROOT, "%s of %s", what, tensor), String.valueOf(e.getMessage()));
            }
        }
    }

    @Override
    public void upload(MemorySegment host, Tensor tensor) {
        long to = tensor.memory().address();
        transfer("upload", tensor, () -> {
            if (tensor.bytes() == Integer.BYTES) { // the value is part of the command
                queue.add(new Work.Word(to, host.get(ValueLayout.JAVA_INT_UNALIGNED, 0)));
            } else {
                queue.meet("upload", to, tensor.bytes());
                transfers.upload(host, to, tensor.bytes());
            }
        });
    }

    @Override
    public void download(Tensor tensor, MemorySegment host) {
        long from = tensor.memory().address();
        transfer("download", tensor, () -> {
            queue.meet("download", from, tensor.bytes());
            transfers.download(from, host, tensor.bytes());
            queue.faults().check();
        });
    }

    @Override
    public void copy(Tensor from, Tensor to) {
        Backend.requireAlike(from, to);
        long source = from.memory().address();
        long target = to.memory().address();
        transfer("copy", to, () -> queue.add(new Work.Copy(source, target, to.bytes())));
    }

    @Override
    public void zero(Tensor tensor) {
        long at = tensor.memory().address();
        transfer("zero", tensor, () -> queue.add(new Work.Zero(at, tensor.bytes())));
    }

    @Override
    public void synchronize() {
        synchronized (queue) {
            queue.requireOpen();
            driver.enter();
            queue.meet("wait", 0, 0);
            queue.synchronize();
            queue.faults().check();
        }
    }

    @Override
    public void close() {
        synchronized (queue) {
            if (closed) {
                return;
            }
            closed = true;
            driver.enter();
            var teardown = new Teardown().free(queue::synchronize);
            queue.refuse();
            parts.free(teardown);
            teardown.end();
        }
    }
}
