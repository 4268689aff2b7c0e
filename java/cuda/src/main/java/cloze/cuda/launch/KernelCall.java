package cloze.cuda.launch;

import cloze.tensor.Tensor;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.stream.IntStream;

/** The code behind a kernel's Java interface: a launcher, or a choice between kernels and libraries. */
public interface KernelCall {
    void call(Arguments arguments);

    /** An instance of a kernel's interface that calls {@code target}; nothing is boxed on the way. */
    static <K> K bind(Class<K> kernel, KernelCall target) {
        return MethodHandleProxies.asInterfaceInstance(kernel, Binding.handle(kernel, target));
    }

    /** Method handles from the parameters of an interface to {@link Arguments}. */
    final class Binding {
        private static final MethodHandle ARGUMENTS;
        private static final MethodHandle CALL;
        private static final MethodHandle ADDRESS;
        private static final MethodHandle BITS;

        static {
            try {
                MethodHandles.Lookup lookup = MethodHandles.lookup();
                ARGUMENTS = lookup.findConstructor(
                        Arguments.class,
                        MethodType.methodType(void.class, Signature.class, Tensor[].class, long[].class));
                CALL = lookup.findVirtual(KernelCall.class, "call", MethodType.methodType(void.class, Arguments.class));
                ADDRESS =
                        lookup.findStatic(Arguments.class, "address", MethodType.methodType(long.class, Tensor.class));
                BITS = lookup.findStatic(Arguments.class, "bits", MethodType.methodType(long.class, float.class));
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        private Binding() {}

        /** Each tensor goes to the array of tensors and, as an address, to the array of slots. */
        private static MethodHandle handle(Class<?> kernel, KernelCall target) {
            Method method = Signature.method(kernel);
            Class<?>[] types = method.getParameterTypes();
            int[] tensors = IntStream.range(0, types.length)
                    .filter(i -> types[i] == Tensor.class)
                    .toArray();
            int n = tensors.length;
            MethodHandle call = MethodHandles.filterReturnValue(
                    MethodHandles.insertArguments(ARGUMENTS, 0, Signature.of(kernel)), CALL.bindTo(target));
            call = call.asCollector(1, long[].class, types.length + 1).asCollector(0, Tensor[].class, n);
            call = MethodHandles.insertArguments(call, n + types.length, 0L); // the slot of the scratch
            for (int i = 0; i < types.length; i++) {
                if (types[i] == Tensor.class) {
                    call = MethodHandles.filterArguments(call, n + i, ADDRESS);
                } else if (types[i] == float.class) {
                    call = MethodHandles.filterArguments(call, n + i, BITS);
                }
            }
            int[] order = IntStream.concat(Arrays.stream(tensors), IntStream.range(0, types.length))
                    .toArray();
            return MethodHandles.permuteArguments(call, MethodType.methodType(void.class, types), order);
        }
    }
}
