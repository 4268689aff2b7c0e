package cloze.cuda;

import cloze.autograd.Gradients;
import cloze.backend.KernelName;
import cloze.backend.MissingKernelException;
import cloze.backend.Precision;
import cloze.cuda.attention.AttentionHopper;
import cloze.cuda.attention.AttentionMma;
import cloze.cuda.cublas.CublasLt;
import cloze.cuda.cublas.CublasLtLstm;
import cloze.cuda.cublas.CublasLtMatMul;
import cloze.cuda.cudnn.Cudnn;
import cloze.cuda.cudnn.CudnnConvolution;
import cloze.cuda.cudnn.CudnnLstm;
import cloze.cuda.driver.Driver;
import cloze.cuda.driver.KernelImages;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.launch.ConvolutionLaunches;
import cloze.cuda.launch.LaunchPlan;
import cloze.cuda.launch.Launcher;
import cloze.cuda.launch.Launches;
import cloze.cuda.launch.LstmLaunches;
import cloze.nn.Parameters;
import cloze.op.Attention;
import cloze.op.Conv2d;
import cloze.op.Gelu;
import cloze.op.Lstm;
import cloze.op.MatMul;
import cloze.tensor.Tensor;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The kernels of one device, bound by {@link KernelName} to the interfaces that ops and optimisers declare. */
final class CudaKernels extends ClassValue<Object> {
    private static final MethodHandle CALL;
    private static final MethodHandle ADDRESS;
    private static final MethodHandle BITS;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            CALL = lookup.findVirtual(
                    Launcher.class, "call", MethodType.methodType(void.class, Tensor[].class, long[].class));
            ADDRESS = lookup.findStatic(Launcher.class, "address", MethodType.methodType(long.class, Tensor.class));
            BITS = lookup.findStatic(Launcher.class, "bits", MethodType.methodType(long.class, float.class));
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Driver driver;
    private final KernelImages images;
    private final CudaQueue queue;
    private final Precision precision;
    private final @Nullable CublasLt cublasLt;
    private final @Nullable Cudnn convolutions;
    private final @Nullable Cudnn lstm;
    private final int capability;

    /**
     * @param cublasLt makes products, or null for own kernels
     * @param convolutions makes them, or null for own kernels
     * @param lstm makes layers of it, or null for own kernels
     * @param capability of the device, for example 90
     */
    CudaKernels(
            Driver driver,
            KernelImages images,
            CudaQueue queue,
            Precision precision,
            @Nullable CublasLt cublasLt,
            @Nullable Cudnn convolutions,
            @Nullable Cudnn lstm,
            int capability) {
        this.driver = driver;
        this.images = images;
        this.queue = queue;
        this.precision = precision;
        this.cublasLt = cublasLt;
        this.convolutions = convolutions;
        this.lstm = lstm;
        this.capability = capability;
    }

    @Override
    protected Object computeValue(Class<?> kernel) {
        if (cublasLt != null && (kernel == MatMul.Forward.class || kernel == MatMul.Backward.class)) {
            return products(cublasLt);
        }
        if (convolutions != null && (kernel == Conv2d.Forward.class || kernel == Conv2d.Backward.class)) {
            return convolutions(convolutions);
        }
        if (kernel == Lstm.Forward.class || kernel == Lstm.Backward.class) {
            return lstm(kernel);
        }
        if (kernel == Attention.Forward.class || kernel == Attention.Backward.class) {
            AttentionMma any =
                    new AttentionMma(this::mma, launcher(Attention.Forward.class), launcher(Attention.Backward.class));
            return AttentionHopper.isFor(capability) ? new AttentionHopper(driver, this::hopper, any) : any;
        }
        return own(kernel);
    }

    private <K> K own(Class<K> kernel) {
        LaunchPlan plan = Launches.of(kernel);
        if (plan == null) {
            throw new MissingKernelException("cuda", KernelName.of(kernel), "the table of launches");
        }
        return own(kernel, plan);
    }

    private <K> K own(Class<K> kernel, LaunchPlan plan) {
        return MethodHandleProxies.asInterfaceInstance(kernel, bind(launcher(kernel, plan), method(kernel)));
    }

    /** A call with the parameters of {@code method}, which boxes nothing: tensors once as such, and all as they lie in slots. */
    private static MethodHandle bind(Launcher launcher, Method method) {
        Class<?>[] types = method.getParameterTypes();
        int[] tensors = IntStream.range(0, types.length)
                .filter(i -> types[i] == Tensor.class)
                .toArray();
        int n = tensors.length;
        MethodHandle call = CALL.bindTo(launcher)
                .asCollector(1, long[].class, types.length + 1)
                .asCollector(0, Tensor[].class, n);
        call = MethodHandles.insertArguments(call, n + types.length, 0L); // the scratch
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

    private CublasLtMatMul products(CublasLt library) {
        var own = new CublasLtMatMul.Own(
                launcher(MatMul.Forward.class),
                launcher(MatMul.Backward.class),
                launcher(Gelu.Forward.class),
                launcher(MatMul.Backward.class, Launches.matMulSlope()),
                launcher(MatMul.Backward.class, Launches.matMulColumns()),
                launcher(Parameters.Narrow.class),
                launcher(Gradients.Add.class));
        return new CublasLtMatMul(driver, queue, library, precision == Precision.TF32, own);
    }

    private CudnnConvolution convolutions(Cudnn library) {
        var own = new CudnnConvolution.Own(
                launcher(Conv2d.Forward.class),
                launcher(Conv2d.Forward.class, ConvolutionLaunches.bias()),
                launcher(Conv2d.Backward.class),
                launcher(Conv2d.Backward.class, ConvolutionLaunches.weights().withTf32()),
                launcher(Conv2d.Backward.class, ConvolutionLaunches.columns()));
        return new CudnnConvolution(driver, queue, library, precision == Precision.TF32, own);
    }

    private Object lstm(Class<?> kernel) {
        Lstm.Forward forward = own(Lstm.Forward.class);
        Lstm.Backward backward = own(Lstm.Backward.class);
        if (cublasLt != null) {
            var own = new CublasLtLstm.Own(
                    forward,
                    backward,
                    own(Lstm.Forward.class, LstmLaunches.tokensOnly().withTf32()),
                    own(Lstm.Backward.class, LstmLaunches.withoutInput().withTf32()));
            var some = new CublasLtLstm(driver, queue, cublasLt, precision == Precision.TF32, own);
            forward = some;
            backward = some;
        }
        if (lstm != null) {
            var own = new CudnnLstm.Own(forward, backward, launcher(Gradients.Add.class));
            return new CudnnLstm(driver, queue, lstm.lstms(), precision == Precision.TF32, own);
        }
        return kernel == Lstm.Forward.class ? forward : backward;
    }

    private Launcher hopper(Class<?> kernel, LaunchPlan plan) {
        return attention("attention_hopper", kernel, plan);
    }

    private Launcher mma(Class<?> kernel, LaunchPlan plan) {
        return attention("attention_mma", kernel, plan);
    }

    /** Forward and backward have a source each. */
    private Launcher attention(String by, Class<?> kernel, LaunchPlan plan) {
        String source = kernel == Attention.Forward.class ? by : by + "_backward";
        return launcher(kernel, source, KernelName.of(kernel).replace("attention", by), plan, "_bf16");
    }

    private static Method method(Class<?> kernel) {
        return Arrays.stream(kernel.getMethods())
                .filter(candidate -> Modifier.isAbstract(candidate.getModifiers()))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(kernel + " declares no kernel"));
    }

    private Launcher launcher(Class<?> kernel) {
        return launcher(kernel, Objects.requireNonNull(Launches.of(kernel)));
    }

    private Launcher launcher(Class<?> kernel, LaunchPlan plan) {
        return launcher(kernel, KernelName.source(kernel), KernelName.of(kernel), plan, single(plan));
    }

    private Launcher launcher(Class<?> kernel, String source, String symbol, LaunchPlan plan, String single) {
        var names = new ArrayList<String>();
        var types = new StringBuilder();
        for (Parameter parameter : method(kernel).getParameters()) {
            Class<?> type = parameter.getType();
            if (type != Tensor.class && type != long.class && type != float.class) {
                throw new IllegalArgumentException("%s: a kernel can not take a %s".formatted(symbol, type));
            }
            names.add(parameter.getName());
            types.append(type == Tensor.class ? Launcher.TENSOR : type == long.class ? Launcher.WHOLE : Launcher.REAL);
        }
        var launcher = new Launcher(driver, images, queue, source, symbol, names, types.toString(), plan, single);
        launcher.require();
        return launcher;
    }

    /** What f32 functions of that plan end in. */
    private String single(LaunchPlan plan) {
        return plan.tf32() && precision == Precision.TF32 ? "_tf32" : "";
    }
}
