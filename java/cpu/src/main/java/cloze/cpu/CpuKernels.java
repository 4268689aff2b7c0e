package cloze.cpu;

import cloze.backend.KernelName;
import cloze.backend.MissingKernelException;
import cloze.tensor.DType;
import cloze.tensor.Pool;
import cloze.tensor.Tensor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The kernels of one library, bound by {@link KernelName} to the interfaces that ops and optimisers declare. A call is one
 * of the pool's, so that tensors are not unmapped under it; a failure that a kernel returns becomes an exception.
 */
final class CpuKernels extends ClassValue<Object> {
    private static final MethodHandle ADDRESS = own("address", long.class, Tensor.class);
    private static final MethodHandle ENTER = own("enter", void.class, Pool.class);
    private static final MethodHandle LEAVE = own("leave", void.class, Pool.class, Throwable.class);
    private static final MethodHandle REQUIRE_OK = own("requireOk", void.class, NativeLibrary.class, long.class);

    private final NativeLibrary library;
    private final Pool memory;

    CpuKernels(NativeLibrary library, Pool memory) {
        this.library = library;
        this.memory = memory;
    }

    private static MethodHandle own(String name, Class<?> result, Class<?>... parameters) {
        try {
            return MethodHandles.lookup().findStatic(CpuKernels.class, name, MethodType.methodType(result, parameters));
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    @SuppressWarnings("UnusedMethod") // called through ADDRESS
    private static long address(@Nullable Tensor tensor) {
        if (tensor == null) {
            return 0;
        }
        if (tensor.dtype() == DType.BF16) { // kernels would read twice its bytes
            throw new IllegalArgumentException("device cpu computes in fp32 alone, not with " + tensor);
        }
        return tensor.memory().address();
    }

    @SuppressWarnings("UnusedMethod") // called through ENTER
    private static void enter(Pool memory) {
        memory.enter();
    }

    @SuppressWarnings({"UnusedMethod", "UnusedVariable"}) // called through LEAVE, with what was thrown or null
    private static void leave(Pool memory, @Nullable Throwable thrown) {
        memory.leave();
    }

    @SuppressWarnings("UnusedMethod") // called through REQUIRE_OK
    private static void requireOk(NativeLibrary library, long status) {
        if (status != NativeLibrary.OK) {
            throw library.failure(status);
        }
    }

    @Override
    protected Object computeValue(Class<?> kernel) {
        Class<?>[] parameters = call(kernel).getParameterTypes();
        String symbol = KernelName.of(kernel);
        if (library.find(symbol) == null) {
            throw new MissingKernelException("cpu", symbol, library.file().toString());
        }
        MemoryLayout[] layouts =
                Arrays.stream(parameters).map(p -> layout(symbol, p)).toArray(MemoryLayout[]::new);
        MethodHandle handle = library.bind(symbol, ValueLayout.JAVA_LONG, layouts);
        for (int i = 0; i < parameters.length; i++) {
            if (parameters[i] == Tensor.class) {
                handle = MethodHandles.filterArguments(handle, i, ADDRESS);
            }
        }
        handle = MethodHandles.filterReturnValue(handle, REQUIRE_OK.bindTo(library));
        handle = MethodHandles.tryFinally(handle, LEAVE.bindTo(memory));
        handle = MethodHandles.foldArguments(handle, ENTER.bindTo(memory)); // addresses are asked for in the call
        return MethodHandleProxies.asInterfaceInstance(kernel, handle);
    }

    private static Method call(Class<?> kernel) {
        return Arrays.stream(kernel.getMethods())
                .filter(method -> Modifier.isAbstract(method.getModifiers()))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(kernel + " declares no kernel"));
    }

    private static MemoryLayout layout(String symbol, Class<?> parameter) {
        if (parameter == Tensor.class) {
            return ValueLayout.JAVA_LONG; // an address
        }
        if (parameter == long.class) {
            return ValueLayout.JAVA_LONG;
        }
        if (parameter == float.class) {
            return ValueLayout.JAVA_FLOAT;
        }
        throw new IllegalArgumentException(
                String.format(Locale.ROOT, "%s: a kernel can not take a %s", symbol, parameter));
    }
}
