package cloze.cuda;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.BackendProvider;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Offers the GPUs that the CUDA driver knows, the first unless another is asked for. The system property {@code cloze.cuda.driver} names another driver
 * library, {@code cloze.cuda.kernels} a module to take instead of the kernels in the jar, {@code cloze.cuda.products} who makes
 * products, see {@link Products}, {@code cloze.cuda.convolutions} who makes convolutions, see {@link Convolutions}, {@code
 * cloze.cuda.attention} who makes attention, see {@link AttentionHopper}, {@code cloze.cuda.graphs} whether training is launched as graphs, on or off.
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
            Driver driver = Driver.load(0);
            KernelImages.open(driver).check();
            Products.choose(driver);
            Convolutions.choose();
            return null;
        } catch (BackendException e) {
            return e.getMessage();
        }
    }

    @Override
    public List<String> devices() {
        return Driver.all();
    }

    @Override
    public Backend open(BackendOptions options) {
        return new CudaBackend(Driver.load(options.ordinal()), options);
    }

    @Override
    public String toString() {
        return name();
    }
}
