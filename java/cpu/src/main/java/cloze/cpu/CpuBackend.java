package cloze.cpu;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Precision;
import cloze.tensor.Pool;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Map;

/** Runs every op with the kernels of {@code native/}. */
final class CpuBackend implements Backend {
    private final NativeLibrary library;
    private final CpuKernels kernels;
    private final Pool memory;
    private final OneDnn oneDnn;

    CpuBackend(NativeLibrary library, BackendOptions options) {
        this.library = library;
        if (options.precision() != Precision.FP32) {
            throw new BackendException("device cpu computes in fp32 alone, not in " + options.precision());
        }
        int threads = options.threads() == 0
                ? Math.min(Runtime.getRuntime().availableProcessors(), BackendOptions.MOST_THREADS)
                : options.threads();
        library.setThreads(threads);
        memory = new Pool("cpu", library, options.memory());
        kernels = new CpuKernels(library, memory);
        oneDnn = OneDnn.open(library);
    }

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public String description() {
        return String.format(
                Locale.ROOT,
                "cpu: %s, %s kernels, %d threads, matrix multiplication by %s",
                library.describeCpu(),
                library.level(),
                library.threads(),
                oneDnn);
    }

    @Override
    public String kernels() {
        return String.format(Locale.ROOT, "cpu, %s kernels", library.level());
    }

    @Override
    public Pool memory() {
        return memory;
    }

    @Override
    public <K> K kernel(Class<K> type) {
        return type.cast(kernels.get(type));
    }

    private void call(Runnable work) {
        memory.enter();
        try {
            work.run();
        } finally {
            memory.leave();
        }
    }

    @Override
    public void upload(MemorySegment host, Tensor tensor) {
        call(() -> MemorySegment.copy(host, 0, tensor.memory(), 0, tensor.bytes()));
    }

    @Override
    public void download(Tensor tensor, MemorySegment host) {
        call(() -> MemorySegment.copy(tensor.memory(), 0, host, 0, tensor.bytes()));
    }

    @Override
    public void copy(Tensor from, Tensor to) {
        Backend.requireAlike(from, to);
        call(() -> MemorySegment.copy(from.memory(), 0, to.memory(), 0, to.bytes()));
    }

    @Override
    public void zero(Tensor tensor) {
        call(() -> tensor.memory().asSlice(0, tensor.bytes()).fill((byte) 0));
    }

    @Override
    public void synchronize() {
        // kernels return after they have finished
    }

    @Override
    public Map<String, String> choices() {
        return oneDnn.choices();
    }

    @Override
    public void repeat(Map<String, String> choices) {
        oneDnn.repeat(choices);
    }

    @Override
    public void close() {
        memory.close();
    }
}
