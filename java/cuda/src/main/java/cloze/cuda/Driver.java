package cloze.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;

import cloze.backend.BackendException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import jcuda.CudaException;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * The CUDA driver and its first device, loaded for the life of the process. What happens once goes through JCuda; what
 * happens at every launch goes to the same library through the foreign function interface, which takes some twenty
 * nanoseconds where JCuda takes microseconds.
 */
final class Driver {
    private static final FunctionDescriptor LAUNCH = FunctionDescriptor.of(
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_LONG, // function
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT, // shared memory
            ValueLayout.JAVA_LONG, // stream
            ValueLayout.JAVA_LONG, // arguments
            ValueLayout.JAVA_LONG);

    private static @Nullable Driver loaded;

    /** A context whose address the fast way can use. */
    private static final class Context extends CUcontext {
        long address() {
            return getNativePointer();
        }
    }

    private final NativeLibrary functions;
    private final MethodHandle launch;
    private final MethodHandle setContext;
    private final Context context = new Context();
    private final CUdevice device = new CUdevice();
    private final String deviceName;
    private final int sharedBytes;

    private Driver(String library) {
        if (!library.equals("libcuda.so.1")) {
            Path file = Path.of(library).toAbsolutePath();
            if (!Files.exists(file)) {
                throw new BackendException("cloze.cuda.driver=%s, but there is no such file".formatted(library));
            }
            NativeLibrary.preload(file); // what JCuda needs by the name libcuda.so.1 is then there
        }
        try {
            functions = NativeLibrary.open(library);
            JCudaDriver.setExceptionsEnabled(true);
        } catch (IllegalArgumentException | UnsatisfiedLinkError e) {
            throw new BackendException(
                    "the NVIDIA driver is not installed: %s can not be loaded".formatted(library), e);
        }
        launch = functions.bind("cuLaunchKernel", LAUNCH);
        setContext =
                functions.bind("cuCtxSetCurrent", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));
        try {
            JCudaDriver.cuInit(0);
            JCudaDriver.cuDeviceGet(device, 0);
            JCudaDriver.cuDevicePrimaryCtxRetain(context, device);
        } catch (CudaException e) {
            throw new BackendException("the NVIDIA driver finds no usable GPU: " + e.getMessage(), e);
        }
        var name = new byte[256];
        JCudaDriver.cuDeviceGetName(name, name.length, device);
        sharedBytes = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
        deviceName = new String(name, 0, end(name), StandardCharsets.UTF_8);
    }

    static synchronized Driver load() {
        if (loaded == null) {
            loaded = new Driver(System.getProperty("cloze.cuda.driver", "libcuda.so.1"));
        }
        return loaded;
    }

    private static int end(byte[] text) {
        for (int i = 0; i < text.length; i++) {
            if (text[i] == 0) {
                return i;
            }
        }
        return text.length;
    }

    /** Contexts belong to threads of the operating system: every way into CUDA begins with this. */
    void enter() {
        try {
            check("cuCtxSetCurrent", (int) setContext.invokeExact(context.address()));
        } catch (BackendException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("cuCtxSetCurrent", e);
        }
    }

    /** @return CUDA's number, 0 for success */
    int launch(long function, Extent extent, long stream, long arguments) {
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

    /** @throws BackendException if this driver has no such function */
    MethodHandle bind(String symbol, FunctionDescriptor descriptor) {
        return functions.bind(symbol, descriptor);
    }

    static void check(String what, int result) {
        if (result != 0) {
            throw new BackendException("%s: %s".formatted(what, errorName(result)));
        }
    }

    /** For example CUDA_ERROR_LAUNCH_FAILED (719). */
    static String errorName(int result) {
        var name = new String[1];
        try {
            JCudaDriver.cuGetErrorName(result, name);
        } catch (CudaException e) {
            return "CUDA error " + result;
        }
        return "%s (%d)".formatted(name[0], result);
    }

    private int attribute(int attribute) {
        var value = new int[1];
        JCudaDriver.cuDeviceGetAttribute(value, attribute, device);
        return value[0];
    }

    String deviceName() {
        return deviceName;
    }

    /** For example 90 for sm_90. */
    int capability() {
        return 10 * attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                + attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    }

    /** Most shared memory that a block may ask for, bytes. */
    int sharedBytes() {
        return sharedBytes;
    }

    /** Of CUDA that the driver knows, as its 1000-fold: 13000 for 13.0. */
    private static int version() {
        var version = new int[1];
        JCudaDriver.cuDriverGetVersion(version);
        return version[0];
    }

    /** For example 13. */
    int cudaVersion() {
        return version() / 1000;
    }

    @Override
    public String toString() {
        int version = version();
        return "%s, compute capability %s, driver for CUDA %d.%d"
                .formatted(
                        deviceName,
                        String.join(
                                ".",
                                Arrays.asList(Integer.toString(capability()).split(""))),
                        version / 1000,
                        version % 1000 / 10);
    }
}
