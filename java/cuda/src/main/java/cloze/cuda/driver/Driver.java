package cloze.cuda.driver;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;

import cloze.backend.BackendException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import jcuda.CudaException;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;

/** One GPU and its context, for the life of the process. */
public final class Driver {
    private static final Map<Integer, Driver> LOADED = new HashMap<>();

    /** A context that tells its address. */
    private static final class Context extends CUcontext {
        long address() {
            return getNativePointer();
        }
    }

    private final DriverFunctions functions;
    private final Context context = new Context();
    private final CUdevice device;
    private final int ordinal;
    private final String deviceName;
    private final int sharedBytes;

    private Driver(int ordinal) {
        this.ordinal = ordinal;
        functions = DriverFunctions.load();
        device = DriverFunctions.device(ordinal);
        deviceName = name(device);
        sharedBytes = attribute(device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
        try {
            JCudaDriver.cuDevicePrimaryCtxRetain(context, device);
        } catch (CudaException e) {
            throw new BackendException(
                    String.format(Locale.ROOT, "%s can not be used: %s", device(), e.getMessage()), e);
        }
    }

    /** @throws BackendException if there is no driver, or no GPU of that number */
    public static synchronized Driver load(int ordinal) {
        Driver driver = LOADED.get(ordinal);
        if (driver == null) {
            driver = new Driver(ordinal);
            LOADED.put(ordinal, driver);
        }
        return driver;
    }

    /** All GPUs: number, name, compute capability and memory. */
    public static List<String> all() {
        DriverFunctions.load();
        return IntStream.range(0, DriverFunctions.devices())
                .mapToObj(i -> {
                    CUdevice device = DriverFunctions.device(i);
                    var bytes = new long[1];
                    JCudaDriver.cuDeviceTotalMem(bytes, device);
                    return String.format(
                            Locale.ROOT,
                            "cuda:%d %s, compute capability %s, %.1f GiB",
                            i,
                            name(device),
                            dotted(capability(device)),
                            bytes[0] / 0x1p30);
                })
                .toList();
    }

    private static String name(CUdevice device) {
        var name = new byte[256];
        JCudaDriver.cuDeviceGetName(name, name.length, device);
        int end = 0;
        while (end < name.length && name[end] != 0) {
            end++;
        }
        return new String(name, 0, end, StandardCharsets.UTF_8);
    }

    private static int attribute(CUdevice device, int attribute) {
        var value = new int[1];
        JCudaDriver.cuDeviceGetAttribute(value, attribute, device);
        return value[0];
    }

    private static int capability(CUdevice device) {
        return 10 * attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                + attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    }

    private static String dotted(int capability) {
        return capability / 10 + "." + capability % 10;
    }

    /** Makes the context current. A context belongs to a thread of the operating system, so every use of CUDA begins with this. */
    public void enter() {
        check("cuCtxSetCurrent", functions.setContext(context.address()));
    }

    public DriverFunctions functions() {
        return functions;
    }

    /** @throws BackendException if this driver has no such function */
    public MethodHandle bind(String symbol, FunctionDescriptor descriptor) {
        return functions.bind(symbol, descriptor);
    }

    public static void check(String what, int result) {
        if (result != 0) {
            throw new BackendException(String.format(Locale.ROOT, "%s: %s", what, errorName(result)));
        }
    }

    /** For example CUDA_ERROR_LAUNCH_FAILED (719). */
    public static String errorName(int result) {
        var name = new String[1];
        try {
            JCudaDriver.cuGetErrorName(result, name);
        } catch (CudaException e) {
            return "CUDA error " + result;
        }
        return String.format(Locale.ROOT, "%s (%d)", name[0], result);
    }

    /** Its number and name, for messages. */
    public String device() {
        return String.format(Locale.ROOT, "cuda:%d (%s)", ordinal, deviceName);
    }

    /** For example 90 for sm_90. */
    public int capability() {
        return capability(device);
    }

    /** The most shared memory that a block can have, in bytes. */
    public int sharedBytes() {
        return sharedBytes;
    }

    /** Free and total bytes of the device's memory. */
    public long[] memory() {
        enter();
        var free = new long[1];
        var total = new long[1];
        JCudaDriver.cuMemGetInfo(free, total);
        return new long[] {free[0], total[0]};
    }

    /** For example 13. */
    public int cudaVersion() {
        return DriverFunctions.cudaVersion();
    }

    @Override
    public String toString() {
        int version = DriverFunctions.version();
        int count = DriverFunctions.devices();
        return String.format(
                Locale.ROOT,
                "%s (cuda:%d of %d%s), compute capability %s, driver for CUDA %d.%d",
                deviceName,
                ordinal,
                count,
                count > 1 && ordinal == 0 ? ", the first; --device cuda:N takes another" : "",
                dotted(capability()),
                version / 1000,
                version % 1000 / 10);
    }
}
