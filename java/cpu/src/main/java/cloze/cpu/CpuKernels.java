package cloze.cpu;

import cloze.backend.KernelName;
import cloze.backend.MissingKernelException;
import cloze.tensor.Tensor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
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

/** The kernels of one library, bound by {@link KernelName} to the interfaces that ops and optimisers declare. */
final class CpuKernels extends ClassValue<Object> {
    private static final MethodHandle ADDRESS;

    static {
        try {
            ADDRESS = MethodHandles.lookup()
                    .findStatic(CpuKernels.class, "address", MethodType.methodType(MemorySegment.class, Tensor.class));
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final NativeLibrary library;

    CpuKernels(NativeLibrary library) {
        this.library = library;
    }

    @SuppressWarnings("UnusedMethod") // called through ADDRESS
    private static MemorySegment address(@Nullable Tensor tensor) {
        return tensor == null ? MemorySegment.NULL : tensor.memory();
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
        MethodHandle handle = library.bind(symbol, null, layouts);
        for (int i = 0; i < parameters.length; i++) {
            if (parameters[i] == Tensor.class) {
                handle = MethodHandles.filterArguments(handle, i, ADDRESS);
            }
        }
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
            return ValueLayout.ADDRESS;
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
