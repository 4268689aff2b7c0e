package cloze.cuda.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import cloze.backend.BackendException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import jcuda.CudaException;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * The CUDA driver, loaded for the life of the process. Calls that happen once go through JCuda; calls that happen at every
 * launch go to the same library through the foreign function interface, which takes about 20 ns while JCuda takes
 * microseconds. Functions return the driver's result, 0 for success.
 */
public final class DriverFunctions {
    private static @Nullable DriverFunctions loaded;

    private final SharedLibrary library;
    private final MethodHandle launch;
    private final MethodHandle setContext;
    private final MethodHandle launchGraph;
    private final MethodHandle captureInfo;
    private final MethodHandle setNode;

    private DriverFunctions(SharedLibrary library) {
        this.library = library;
        launch = library.bind(
                "cuLaunchKernel",
                FunctionDescriptor.of(
                        JAVA_INT, JAVA_LONG, // function
                        JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, // shared memory
                        JAVA_LONG, // stream
                        JAVA_LONG, // arguments
                        JAVA_LONG));
        setContext = library.bind("cuCtxSetCurrent", FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
        launchGraph = library.bind("cuGraphLaunch", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
        captureInfo = library.bind(
                "cuStreamGetCaptureInfo_v2",
                FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
        setNode = library.bind(
                "cuGraphExecKernelNodeSetParams_v2", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    }

    /** @throws BackendException if there is no driver, or no GPU that it can use */
    public static synchronized DriverFunctions load() {
        if (loaded == null) {
            loaded = new DriverFunctions(open(System.getProperty("cloze.cuda.driver", "libcuda.so.1")));
            try {
                JCudaDriver.cuInit(0);
            } catch (CudaException e) {
                loaded = null;
                throw new BackendException("the NVIDIA driver finds no usable GPU: " + e.getMessage(), e);
            }
        }
        return loaded;
    }

    private static SharedLibrary open(String library) {
        if (!library.equals("libcuda.so.1")) {
            Path file = Path.of(library).toAbsolutePath();
            if (!Files.exists(file)) {
                throw new BackendException(
                        String.format(Locale.ROOT, "cloze.cuda.driver=%s, but there is no such file", library));
            }
            SharedLibrary.preload(file); // so that JCuda finds it by the name libcuda.so.1
        }
        SharedLibrary functions;
        try {
            functions = SharedLibrary.open(library);
        } catch (IllegalArgumentException e) {
            throw new BackendException(
                    String.format(Locale.ROOT, "the NVIDIA driver is not installed: %s can not be loaded", library), e);
        }
        try {
            JCudaNatives.load(() -> JCudaDriver.setExceptionsEnabled(true));
        } catch (LinkageError e) {
            throw new BackendException(
                    String.format(
                            Locale.ROOT,
                            "JCuda can not call the NVIDIA driver, its native half does not load: %s; that is in a jar of jcuda-natives on the class path, or in a folder that -Djava.library.path names",
                            JCudaNatives.reason(e)),
                    e);
        }
        return functions;
    }

    int setContext(long context) {
        try {
            return (int) setContext.invokeExact(context);
        } catch (Throwable e) {
            throw new IllegalStateException("cuCtxSetCurrent", e);
        }
    }

    public int launch(long function, Extent extent, long stream, long arguments) {
        try {
            return (int) launch.invokeExact(
                    function,
                    extent.blocksX(),
                    extent.blocksY(),
                    1,
                    extent.threadsX(),
                    extent.threadsY(),
                    1,
                    extent.sharedBytes(),
                    stream,
                    arguments,
                    0L);
        } catch (Throwable e) {
            throw new IllegalStateException("cuLaunchKernel", e);
        }
    }

    public int launchGraph(long executable, long stream) {
        try {
            return (int) launchGraph.invokeExact(executable, stream);
        } catch (Throwable e) {
            throw new IllegalStateException("cuGraphLaunch", e);
        }
    }

    /** @throws BackendException if this driver has no such function */
    MethodHandle bind(String symbol, FunctionDescriptor descriptor) {
        return library.bind(symbol, descriptor);
    }

    public MethodHandle captureInfo() {
        return captureInfo;
    }

    public MethodHandle setNode() {
        return setNode;
    }

    /** The number of GPUs. */
    static int devices() {
        var count = new int[1];
        JCudaDriver.cuDeviceGetCount(count);
        return count[0];
    }

    /** @throws BackendException if there is no GPU of that number; the message names the existing ones */
    public static CUdevice device(int ordinal) {
        int count = devices();
        if (ordinal >= count) {
            throw new BackendException(String.format(
                    Locale.ROOT,
                    "there is no GPU %d, the driver finds %s",
                    ordinal,
                    count == 0 ? "none" : "cuda:0" + (count == 1 ? "" : " to cuda:" + (count - 1))));
        }
        var device = new CUdevice();
        JCudaDriver.cuDeviceGet(device, ordinal);
        return device;
    }

    /** The major version of CUDA that the driver supports, for example 13. */
    public static int cudaVersion() {
        return version() / 1000;
    }

    /** The version of CUDA that the driver supports, times 1000: 13000 for 13.0. */
    static int version() {
        var version = new int[1];
        JCudaDriver.cuDriverGetVersion(version);
        return version[0];
    }
}
