package cloze.cuda.driver;

import cloze.backend.BackendException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import jcuda.CudaException;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * The compiled kernels: an image for each source of {@code cuda/src} and storage type, with code for every architecture, or
 * the one file that {@code cloze.cuda.kernels} names. An image is loaded when it is first needed.
 */
public final class KernelImages implements AutoCloseable {
    /** A function that tells its address. */
    public static final class Kernel extends CUfunction {
        private final String name;
        private int shared = 48 << 10; // the limit without an attribute

        Kernel(String name) {
            this.name = name;
        }

        public String name() {
            return name;
        }

        public long address() {
            return getNativePointer();
        }

        /** Raises the limit of dynamic shared memory of a block. */
        public synchronized void allowShared(int bytes) {
            if (bytes > shared) {
                JCudaDriver.cuFuncSetAttribute(
                        this, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
                shared = bytes;
            }
        }
    }

    /** The folder of the images in the jar. */
    private static final String FOLDER = "/cloze/cuda/kernels/";

    private static final String NOT_FOUND = "CUDA_ERROR_NOT_FOUND";

    private final Driver driver;
    private final @Nullable Path file;
    private final Map<String, CUmodule> modules = new ConcurrentHashMap<>();

    /** One for each function, by image and symbol, since the driver keeps one limit of shared memory for a function. */
    private final Map<String, Kernel> kernels = new ConcurrentHashMap<>();

    private KernelImages(Driver driver, @Nullable Path file) {
        this.driver = driver;
        this.file = file;
    }

    public static KernelImages open(Driver driver) {
        return new KernelImages(driver, named());
    }

    private static @Nullable Path named() {
        String kernels = System.getProperty("cloze.cuda.kernels");
        return kernels == null ? null : Path.of(kernels);
    }

    /** @throws BackendException if there are no kernels */
    public void check() {
        require(file);
    }

    /** The same without an open device. */
    public static void require() {
        require(named());
    }

    private static void require(@Nullable Path file) {
        if (file != null ? !Files.exists(file) : KernelImages.class.getResource(FOLDER + "manifest.json") == null) {
            throw new BackendException(
                    file != null
                            ? String.format(Locale.ROOT, "cloze.cuda.kernels=%s, but there is no such file", file)
                            : "this build has no CUDA kernels: build them with build-scripts/cuda, which needs nvcc");
        }
    }

    /**
     * A function of the image of {@code source}.
     *
     * @return null if the image has none of that name
     * @throws BackendException if the image does not load, or the driver answers with anything else
     */
    @Nullable
    public Kernel find(String source, String symbol) {
        String image = file == null ? source : "";
        Kernel known = kernels.get(image + "/" + symbol);
        if (known != null) {
            return known;
        }
        CUmodule module = modules.computeIfAbsent(image, this::load);
        driver.enter(); // again: a virtual thread that waited may be on another thread of the system
        var kernel = new Kernel(symbol);
        try {
            JCudaDriver.cuModuleGetFunction(kernel, module, symbol);
            Kernel first = kernels.putIfAbsent(image + "/" + symbol, kernel);
            return first == null ? kernel : first;
        } catch (CudaException e) {
            if (NOT_FOUND.equals(e.getMessage())) {
                return null;
            }
            throw new BackendException(
                    String.format(
                            Locale.ROOT,
                            "kernel %s can not be loaded on %s: %s",
                            symbol,
                            driver.device(),
                            e.getMessage()),
                    e);
        }
    }

    private CUmodule load(String source) {
        var module = new CUmodule();
        try {
            if (file == null) {
                byte[] image = resource(source + ".fatbin");
                driver.enter();
                JCudaDriver.cuModuleLoadData(module, image);
            } else {
                driver.enter();
                JCudaDriver.cuModuleLoad(module, file.toString());
            }
        } catch (CudaException e) {
            throw new BackendException(
                    String.format(
                            Locale.ROOT,
                            "the kernels of %s do not load on %s: %s; a driver that is older than the CUDA that compiled them cannot load them",
                            source,
                            driver,
                            e.getMessage()),
                    e);
        }
        return module;
    }

    private static byte[] resource(String name) {
        try (InputStream in = KernelImages.class.getResourceAsStream(FOLDER + name)) {
            if (in == null) {
                throw new BackendException(
                        String.format(Locale.ROOT, "this build has no kernels/%s: run build-scripts/cuda", name));
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        var parts = new Teardown();
        modules.values().forEach(module -> parts.free(() -> JCudaDriver.cuModuleUnload(module)));
        modules.clear();
        kernels.clear();
        parts.end();
    }

    /** The source of the kernels, the architectures they were compiled for, and the one the driver chose. */
    public String describe() {
        Kernel kernel = find("gradients", "gradients_add");
        if (file != null || kernel == null) {
            return toString();
        }
        String manifest = new String(resource("manifest.json"), StandardCharsets.UTF_8);
        String built = Pattern.compile("sm_[0-9a-z]+")
                .matcher(manifest)
                .results()
                .map(MatchResult::group)
                .distinct()
                .collect(Collectors.joining(", "));
        return String.format(
                Locale.ROOT,
                "%s (%s; in use: code for sm_%d, made from PTX %d)",
                this,
                built,
                attribute(kernel, CUfunction_attribute.CU_FUNC_ATTRIBUTE_BINARY_VERSION),
                attribute(kernel, CUfunction_attribute.CU_FUNC_ATTRIBUTE_PTX_VERSION));
    }

    private static int attribute(Kernel kernel, int attribute) {
        var value = new int[1];
        JCudaDriver.cuFuncGetAttribute(value, attribute, kernel);
        return value[0];
    }

    @Override
    public String toString() {
        return file == null ? "kernels of this build" : file.toString();
    }
}
