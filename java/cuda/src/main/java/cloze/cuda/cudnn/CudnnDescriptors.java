package cloze.cuda.cudnn;

import static jcuda.jcudnn.cudnnConvolutionMode.CUDNN_CROSS_CORRELATION;
import static jcuda.jcudnn.cudnnDataType.CUDNN_DATA_BFLOAT16;
import static jcuda.jcudnn.cudnnDataType.CUDNN_DATA_FLOAT;
import static jcuda.jcudnn.cudnnMathType.CUDNN_DEFAULT_MATH;
import static jcuda.jcudnn.cudnnMathType.CUDNN_FMA_MATH;
import static jcuda.jcudnn.cudnnTensorFormat.CUDNN_TENSOR_NHWC;

import cloze.op.Conv2d;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionDescriptor;
import jcuda.jcudnn.cudnnFilterDescriptor;
import jcuda.jcudnn.cudnnTensorDescriptor;

/** The descriptors of a {@link CudnnProblem} in cuDNN. A gradient has the descriptor of its tensor. */
record CudnnDescriptors(
        cudnnTensorDescriptor x,
        cudnnFilterDescriptor weight,
        cudnnTensorDescriptor y,
        cudnnConvolutionDescriptor convolution)
        implements AutoCloseable {

    /** Descriptors without values. */
    static CudnnDescriptors create() {
        var made = new CudnnDescriptors(
                new cudnnTensorDescriptor(),
                new cudnnFilterDescriptor(),
                new cudnnTensorDescriptor(),
                new cudnnConvolutionDescriptor());
        Cudnn.check("cudnnCreateTensorDescriptor", "x", JCudnn.cudnnCreateTensorDescriptor(made.x));
        Cudnn.check("cudnnCreateFilterDescriptor", "weight", JCudnn.cudnnCreateFilterDescriptor(made.weight));
        Cudnn.check("cudnnCreateTensorDescriptor", "y", JCudnn.cudnnCreateTensorDescriptor(made.y));
        Cudnn.check("cudnnCreateConvolutionDescriptor", "", JCudnn.cudnnCreateConvolutionDescriptor(made.convolution));
        return made;
    }

    /**
     * Sets all values.
     *
     * @return false if cuDNN does not support such tensors
     */
    boolean tell(CudnnProblem problem) {
        return tell(problem, x, problem.x())
                && tellWeight(problem)
                && tell(problem, y, problem.y())
                && tellWindow(problem);
    }

    private static boolean tell(CudnnProblem problem, cudnnTensorDescriptor tensor, Shape s) {
        int status = JCudnn.cudnnSetTensor4dDescriptor(
                tensor, CUDNN_TENSOR_NHWC, type(problem), s.extent(0), s.extent(3), s.extent(1), s.extent(2));
        return Cudnn.supports("cudnnSetTensor4dDescriptor", problem, status);
    }

    private boolean tellWeight(CudnnProblem problem) {
        Shape s = problem.weight();
        int status = JCudnn.cudnnSetFilter4dDescriptor(
                weight, type(problem), CUDNN_TENSOR_NHWC, s.extent(0), s.extent(3), s.extent(1), s.extent(2));
        return Cudnn.supports("cudnnSetFilter4dDescriptor", problem, status);
    }

    private boolean tellWindow(CudnnProblem problem) {
        Conv2d.Window v = problem.window();
        int status = JCudnn.cudnnSetConvolution2dDescriptor(
                convolution,
                v.padding(),
                v.padding(),
                v.stride(),
                v.stride(),
                v.dilation(),
                v.dilation(),
                CUDNN_CROSS_CORRELATION,
                CUDNN_DATA_FLOAT);
        if (!Cudnn.supports("cudnnSetConvolution2dDescriptor", problem, status)) {
            return false;
        }
        status = JCudnn.cudnnSetConvolutionGroupCount(convolution, v.groups());
        return Cudnn.supports("cudnnSetConvolutionGroupCount", problem, status)
                && tellMath(problem, exact(problem) ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH);
    }

    /** @param type a number of {@code cudnnMathType_t} */
    boolean tellMath(CudnnProblem problem, int type) {
        int status = JCudnn.cudnnSetConvolutionMathType(convolution, type);
        return Cudnn.supports("cudnnSetConvolutionMathType", problem, status);
    }

    /** Returns true if factors must keep all bits: by default cuDNN rounds f32 to tf32. */
    static boolean exact(CudnnProblem problem) {
        return problem.dtype() == DType.F32 && !problem.tf32();
    }

    private static int type(CudnnProblem problem) {
        return problem.dtype() == DType.BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    }

    @Override
    public void close() {
        JCudnn.cudnnDestroyTensorDescriptor(x);
        JCudnn.cudnnDestroyFilterDescriptor(weight);
        JCudnn.cudnnDestroyTensorDescriptor(y);
        JCudnn.cudnnDestroyConvolutionDescriptor(convolution);
    }
}
