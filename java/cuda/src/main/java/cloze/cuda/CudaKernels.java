package cloze.cuda;

import cloze.autograd.Gradients;
import cloze.backend.KernelName;
import cloze.backend.MissingKernelException;
import cloze.backend.Precision;
import cloze.cuda.attention.AttentionCall;
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
import cloze.cuda.launch.KernelCall;
import cloze.cuda.launch.LaunchPlan;
import cloze.cuda.launch.Launcher;
import cloze.cuda.launch.LstmLaunches;
import cloze.cuda.launch.MatMulLaunches;
import cloze.cuda.launch.Signature;
import cloze.nn.Parameters;
import cloze.op.Attention;
import cloze.op.Conv2d;
import cloze.op.Gelu;
import cloze.op.Lstm;
import cloze.op.MatMul;
import org.jspecify.annotations.Nullable;

/** The kernels of one device: an instance of each interface that ops and optimisers declare, found by {@link KernelName}. */
final class CudaKernels extends ClassValue<Object> {
    private final Driver driver;
    private final KernelImages images;
    private final CudaQueue queue;
    private final Precision precision;
    private final @Nullable CublasLt cublasLt;
    private final @Nullable Cudnn convolutions;
    private final @Nullable Cudnn lstm;
    private final int capability;

    /**
     * @param cublasLt for matrix multiplication, or null for own kernels
     * @param convolutions the library for convolution, or null for own kernels
     * @param lstm the library for LSTM, or null for own kernels
     * @param capability of the GPU, for example 90
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
            return matMul(cublasLt);
        }
        if (convolutions != null && kernel == Conv2d.Forward.class) {
            return KernelCall.bind(kernel, convolution(convolutions)::forward);
        }
        if (convolutions != null && kernel == Conv2d.Backward.class) {
            return KernelCall.bind(kernel, convolution(convolutions)::backward);
        }
        if (kernel == Lstm.Forward.class || kernel == Lstm.Backward.class) {
            return lstm(kernel);
        }
        if (kernel == Attention.Forward.class || kernel == Attention.Backward.class) {
            AttentionCall.Launchers launchers =
                    (source, symbol, plan) -> launcher(kernel, source, symbol, plan, "_bf16");
            return KernelCall.bind(kernel, new AttentionCall(kernel, driver, capability, launchers, launcher(kernel)));
        }
        return KernelCall.bind(kernel, launcher(kernel));
    }

    private CublasLtMatMul matMul(CublasLt library) {
        var own = new CublasLtMatMul.Own(
                launcher(MatMul.Forward.class),
                launcher(MatMul.Backward.class),
                launcher(Gelu.Forward.class),
                launcher(MatMul.Backward.class, MatMulLaunches.slope()),
                launcher(MatMul.Backward.class, MatMulLaunches.columns()),
                launcher(Parameters.Narrow.class),
                launcher(Gradients.Add.class));
        return new CublasLtMatMul(driver, queue, library, precision == Precision.TF32, own);
    }

    private CudnnConvolution convolution(Cudnn library) {
        var own = new CudnnConvolution.Own(
                launcher(Conv2d.Forward.class),
                launcher(Conv2d.Forward.class, ConvolutionLaunches.bias()),
                launcher(Conv2d.Backward.class),
                launcher(Conv2d.Backward.class, ConvolutionLaunches.weights().withTf32()),
                launcher(Conv2d.Backward.class, ConvolutionLaunches.columns()));
        return new CudnnConvolution(driver, queue, library, precision == Precision.TF32, own);
    }

    private Object lstm(Class<?> kernel) {
        KernelCall forward = launcher(Lstm.Forward.class);
        KernelCall backward = launcher(Lstm.Backward.class);
        if (cublasLt != null) {
            var own = new CublasLtLstm.Own(
                    forward,
                    backward,
                    launcher(Lstm.Forward.class, LstmLaunches.tokensOnly().withTf32()),
                    launcher(Lstm.Backward.class, LstmLaunches.withoutInput().withTf32()));
            var some = new CublasLtLstm(driver, queue, cublasLt, precision == Precision.TF32, own);
            forward = some::forward;
            backward = some::backward;
        }
        if (lstm == null) {
            return KernelCall.bind(kernel, kernel == Lstm.Forward.class ? forward : backward);
        }
        var own = new CudnnLstm.Own(
                KernelCall.bind(Lstm.Forward.class, forward), backward, launcher(Gradients.Add.class));
        var whole = new CudnnLstm(driver, queue, lstm.lstms(), precision == Precision.TF32, own);
        return kernel == Lstm.Forward.class ? whole : KernelCall.bind(kernel, whole::backward);
    }

    /** @throws MissingKernelException if the table of launches has no such kernel, or the build has not compiled it */
    private Launcher launcher(Class<?> kernel) {
        LaunchPlan plan = Launches.of(kernel);
        if (plan == null) {
            throw new MissingKernelException("cuda", KernelName.of(kernel), "the table of launches");
        }
        return launcher(kernel, plan);
    }

    private Launcher launcher(Class<?> kernel, LaunchPlan plan) {
        String single = plan.tf32() && precision == Precision.TF32 ? "_tf32" : "";
        Launcher launcher = launcher(kernel, KernelName.source(kernel), KernelName.of(kernel), plan, single);
        launcher.require();
        return launcher;
    }

    /** @param single the end of the names of functions for f32 */
    private Launcher launcher(Class<?> kernel, String source, String symbol, LaunchPlan plan, String single) {
        return new Launcher(driver, images, queue, source, symbol, Signature.of(kernel), plan, single);
    }
}
