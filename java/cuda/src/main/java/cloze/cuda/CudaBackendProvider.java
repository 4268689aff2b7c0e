package cloze.cuda;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.BackendProvider;
import cloze.cuda.attention.AttentionKernels;
import cloze.cuda.cublas.MatMulChoice;
import cloze.cuda.cudnn.ConvolutionChoice;
import cloze.cuda.cudnn.LstmChoice;
import cloze.cuda.driver.Driver;
import cloze.cuda.driver.DriverFunctions;
import cloze.cuda.driver.KernelImages;
import java.util.List;
import java.util.function.Supplier;
import jcuda.CudaException;
import org.jspecify.annotations.Nullable;

/**
 * Offers the GPUs that the CUDA driver knows, the first unless another is asked for. The system property {@code cloze.cuda.driver} names another driver
 * library, {@code cloze.cuda.kernels} a module to take instead of the kernels in the jar, {@code cloze.cuda.products} who makes
 * products, see {@link MatMulChoice}, {@code cloze.cuda.convolutions} who makes convolutions, see {@link ConvolutionChoice}, {@code
 * cloze.cuda.lstm} who makes LSTM, see {@link LstmChoice}, {@code cloze.cuda.attention} who makes attention, see {@link
 * AttentionKernels}, {@code cloze.cuda.graphs} whether training is launched as graphs, on or off.
 */
public final class CudaBackendProvider implements BackendProvider {
    /** For {@link java.util.ServiceLoader}. */
    public CudaBackendProvider() {}

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public @Nullable String unavailable() {
        try {
            DriverFunctions.load(); // no GPU is used yet: which one is wanted is not known, and others may be taken
            DriverFunctions.device(0);
            KernelImages.require();
            MatMulChoice.choose(DriverFunctions.cudaVersion());
            ConvolutionChoice.choose();
            LstmChoice.choose();
            return null;
        } catch (BackendException e) {
            return e.getMessage();
        } catch (CudaException e) {
            return inWords(e).getMessage();
        }
    }

    @Override
    public List<String> devices() {
        return ask(Driver::all);
    }

    @Override
    public Backend open(BackendOptions options) {
        return ask(() -> new CudaBackend(Driver.load(options.ordinal()), options));
    }

    /** @throws BackendException if the driver answers with an error that nobody else has put in words */
    private static <T> T ask(Supplier<T> question) {
        try {
            return question.get();
        } catch (CudaException e) {
            throw inWords(e);
        }
    }

    private static BackendException inWords(CudaException e) {
        return new BackendException("the NVIDIA driver answers " + e.getMessage(), e);
    }

    @Override
    public String toString() {
        return name();
    }
}
