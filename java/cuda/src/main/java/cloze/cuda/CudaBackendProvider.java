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
 * The GPUs of the CUDA driver; the first one is the default. System properties:
 *
 * <ul>
 *   <li>{@code cloze.cuda.driver}: another driver library
 *   <li>{@code cloze.cuda.kernels}: a file that replaces the kernels in the jar
 *   <li>{@code cloze.cuda.matmul}: own kernels or cuBLASLt for matrix multiplication, see {@link MatMulChoice}
 *   <li>{@code cloze.cuda.convolutions}: own kernels or cuDNN for convolution, see {@link ConvolutionChoice}
 *   <li>{@code cloze.cuda.lstm}: own kernels or cuDNN for LSTM, see {@link LstmChoice}
 *   <li>{@code cloze.cuda.attention}: kernels for every GPU or for compute capability 9.0, see {@link AttentionKernels}
 *   <li>{@code cloze.cuda.graphs}: on, or off for training without CUDA graphs
 * </ul>
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
            DriverFunctions.load(); // no GPU is used yet: the user has not chosen one, and others may be busy
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

    /** @throws BackendException if the driver returns an error that has no message of its own yet */
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
