package cloze.cuda;

import cloze.backend.KernelName;
import cloze.backend.MissingKernelException;
import cloze.backend.Precision;
import cloze.tensor.Tensor;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.util.Arrays;
import java.util.List;

/** The kernels of one device, bound by {@link KernelName} to the interfaces that ops and optimisers declare. */
final class CudaKernels extends ClassValue<Object> {
    private static final MethodHandle CALL;

    static {
        try {
            CALL = MethodHandles.lookup()
                    .findVirtual(Launcher.class, "call", MethodType.methodType(void.class, Object[].class));
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Driver driver;
    private final KernelImages images;
    private final CudaQueue queue;
    private final Precision precision;

    CudaKernels(Driver driver, KernelImages images, CudaQueue queue, Precision precision) {
        this.driver = driver;
        this.images = images;
        this.queue = queue;
        this.precision = precision;
    }

    @Override
    protected Object computeValue(Class<?> kernel) {
        Method method = Arrays.stream(kernel.getMethods())
                .filter(candidate -> Modifier.isAbstract(candidate.getModifiers()))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(kernel + " declares no kernel"));
        String symbol = KernelName.of(kernel);
        Launches.Plan plan = Launches.of(kernel);
        if (plan == null) {
            throw new MissingKernelException("cuda", symbol, "the table of launches");
        }
        for (Parameter parameter : method.getParameters()) {
            Class<?> type = parameter.getType();
            if (type != Tensor.class && type != long.class && type != float.class) {
                throw new IllegalArgumentException("%s: a kernel can not take a %s".formatted(symbol, type));
            }
        }
        List<String> names =
                Arrays.stream(method.getParameters()).map(Parameter::getName).toList();
        String source = KernelName.source(kernel);
        var launcher = new Launcher(driver, images, queue, source, symbol, names, plan, products(plan));
        launcher.require();
        MethodHandle call = CALL.bindTo(launcher)
                .asCollector(Object[].class, method.getParameterCount())
                .asType(MethodType.methodType(void.class, method.getParameterTypes()));
        return MethodHandleProxies.asInterfaceInstance(kernel, call);
    }

    /** What f32 functions of that plan end in. */
    private String products(Launches.Plan plan) {
        return plan.product() && precision == Precision.TF32 ? "_tf32" : "";
    }
}
