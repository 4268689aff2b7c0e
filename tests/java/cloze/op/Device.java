package cloze.op;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.BackendProvider;
import cloze.backend.Backends;
import cloze.cpu.CpuBackendProvider;
import cloze.cpu.CpuLevel;
import cloze.cuda.CudaBackendProvider;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.opentest4j.TestAbortedException;

/** One way to run kernels: a backend, and on the CPU one of the instruction sets that this machine has. */
public record Device(String name, Function<BackendOptions, Backend> opener) {
    /** A property with a regular expression for names of devices, to test on some of them. */
    public static final String ONLY = "cloze.test.devices";

    /** On a GPU, with matrix multiplication by cuBLASLt; {@code gpu-check} asks for it by name. */
    public static final String WITH_CUBLAS_LT = "cuda, cuBLASLt";

    /** On a GPU, with convolutions by cuDNN. */
    public static final String WITH_CUDNN = "cuda, cuDNN";

    /**
     * Every device of this machine.
     *
     * @throws AssertionError if one that the property {@code cloze.require} lists is missing
     */
    public static List<Device> all() {
        List<BackendProvider> providers = Backends.all();
        for (String required : required()) {
            if (providers.stream().noneMatch(p -> p.name().equals(required))) {
                throw new AssertionError(
                        String.format(Locale.ROOT, "cloze.require=%s, but there is no such backend", required));
            }
        }
        return providers.stream().flatMap(Device::of).filter(Device::wanted).toList();
    }

    private boolean wanted() {
        return Pattern.matches(System.getProperty(ONLY, ".*"), name);
    }

    /** The usual orders of threads, and others that are asked for by name. */
    private static Stream<Integer> seeds() {
        return System.getProperty(ONLY) == null
                ? HostCuda.USUAL.stream()
                : Stream.concat(HostCuda.USUAL.stream(), HostCuda.OTHERS.stream());
    }

    private static Set<String> required() {
        return Set.of(System.getProperty("cloze.require", "cpu").split(","));
    }

    private static Stream<Device> of(BackendProvider provider) {
        String reason = provider.unavailable();
        if (reason != null) {
            if (required().contains(provider.name())) {
                throw new AssertionError(
                        String.format(Locale.ROOT, "cloze.require=%s, but %s", provider.name(), reason));
            }
            return Stream.empty();
        }
        if (provider instanceof CpuBackendProvider) {
            return Arrays.stream(CpuLevel.values())
                    .filter(level -> level.compareTo(CpuBackendProvider.level()) <= 0)
                    .map(level -> new Device("cpu " + level, options -> CpuBackendProvider.open(level, options)));
        }
        if (provider instanceof CudaBackendProvider && HostCuda.isThere()) {
            return seeds().map(seed -> new Device("cuda on host, seed " + seed, options -> {
                HostCuda.fail(0); // what failed before must not fail this one
                HostCuda.order(seed);
                return HostCuda.open(provider, options);
            }));
        }
        return Stream.of(new Device(provider.name(), provider::open));
    }

    /** CUDA with matrix multiplication by cuBLASLt: with all its epilogues, and on the host also with that of the bias alone. */
    static List<Device> cublasLt() {
        return all().stream()
                .filter(device -> device.name().startsWith("cuda"))
                .limit(1)
                .flatMap(device -> HostCuda.isThere()
                        ? Stream.of(device.cublasLt("cuBLASLt", -1), device.cublasLt("cuBLASLt without epilogues", 5))
                        : Stream.of(new Device(
                                WITH_CUBLAS_LT, options -> HostCuda.withMatMul("cublasLt", null, device, options))))
                .filter(Device::wanted)
                .toList();
    }

    /** CUDA with convolutions and LSTM by cuDNN. */
    static List<Device> cudnn() {
        return all().stream()
                .filter(device -> device.name().startsWith("cuda"))
                .limit(1)
                .map(device -> HostCuda.isThere()
                        ? new Device("cuda on host, cuDNN", options -> {
                            HostCuda.algorithms(-1);
                            HostCuda.workspace(4);
                            return device.cudnn(HostCuda.cudnn().toString(), options);
                        })
                        : new Device(WITH_CUDNN, options -> device.cudnn(null, options)))
                .filter(Device::wanted)
                .toList();
    }

    private Backend cudnn(@Nullable String library, BackendOptions options) {
        var layers = new Device(name, o -> HostCuda.withLstm("cudnn", library, this, o));
        return HostCuda.withConvolutions("cudnn", library, layers, options);
    }

    /** CUDA with the kernels of compute capability 9.0, which the stand-in for the driver has if it is told to. */
    static List<Device> hopper() {
        return all().stream()
                .filter(device -> device.name().startsWith("cuda"))
                .map(device -> HostCuda.isThere()
                        ? new Device(device.name() + ", sm_90", options -> HostCuda.withCapability(90, device, options))
                        : device)
                .toList();
    }

    private Device cublasLt(String by, int epilogues) {
        return new Device("cuda on host, " + by, options -> {
            HostCuda.epilogues(epilogues);
            return HostCuda.withMatMul("cublasLt", HostCuda.cublasLt().toString(), this, options);
        });
    }

    public Backend open(int threads) {
        return open(BackendOptions.DEFAULT.withThreads(threads));
    }

    /** @throws TestAbortedException if the rest is to be skipped, see {@link OpContract#STOP} */
    public Backend open(BackendOptions options) {
        Assumptions.assumeFalse(Boolean.getBoolean(OpContract.STOP));
        return opener.apply(options);
    }

    @Override
    public String toString() {
        return name;
    }
}
