package cloze.cuda.cudnn;

import static jcuda.jcudnn.cudnnConvolutionBwdDataAlgo.CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
import static jcuda.jcudnn.cudnnConvolutionBwdDataAlgo.CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT;
import static jcuda.jcudnn.cudnnConvolutionBwdFilterAlgo.CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;
import static jcuda.jcudnn.cudnnConvolutionBwdFilterAlgo.CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT;
import static jcuda.jcudnn.cudnnConvolutionFwdAlgo.CUDNN_CONVOLUTION_FWD_ALGO_COUNT;
import static jcuda.jcudnn.cudnnConvolutionFwdAlgo.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
import static jcuda.jcudnn.cudnnConvolutionFwdAlgo.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import jcuda.Pointer;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionBwdDataAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionBwdFilterAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionFwdAlgoPerf;
import jcuda.jcudnn.cudnnHandle;

/**
 * The three computations of a convolution: y, the gradient of x, the gradient of the weight. cuDNN has three functions for
 * each: one lists algorithms, one returns the workspace of an algorithm, one runs it.
 */
enum CudnnDirection {
    FORWARD(
            "conv2d_forward",
            "Forward",
            1 << CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM | 1 << CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM) {
        @Override
        int advise(cudnnHandle handle, CudnnDescriptors d, List<Advice> to) {
            var found = filled(
                    new cudnnConvolutionFwdAlgoPerf[CUDNN_CONVOLUTION_FWD_ALGO_COUNT],
                    cudnnConvolutionFwdAlgoPerf::new);
            var count = new int[1];
            int status = JCudnn.cudnnGetConvolutionForwardAlgorithm_v7(
                    handle, d.x(), d.weight(), d.convolution(), d.y(), found.length, count, found);
            first(found, count).forEach(p -> to.add(new Advice(p.algo, p.status, p.determinism, p.mathType)));
            return status;
        }

        @Override
        int workspace(cudnnHandle handle, CudnnDescriptors d, int algorithm, long[] bytes) {
            return JCudnn.cudnnGetConvolutionForwardWorkspaceSize(
                    handle, d.x(), d.weight(), d.convolution(), d.y(), algorithm, bytes);
        }

        @Override
        int run(cudnnHandle handle, CudnnDescriptors d, Arguments a) {
            return JCudnn.cudnnConvolutionForward(
                    handle,
                    ONE,
                    d.x(),
                    a.x,
                    d.weight(),
                    a.weight,
                    d.convolution(),
                    a.algorithm,
                    a.workspace,
                    a.bytes,
                    a.beta,
                    d.y(),
                    a.y);
        }
    },

    INPUT("conv2d_backward", "BackwardData", 1 << CUDNN_CONVOLUTION_BWD_DATA_ALGO_1) {
        @Override
        int advise(cudnnHandle handle, CudnnDescriptors d, List<Advice> to) {
            var found = filled(
                    new cudnnConvolutionBwdDataAlgoPerf[CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT],
                    cudnnConvolutionBwdDataAlgoPerf::new);
            var count = new int[1];
            int status = JCudnn.cudnnGetConvolutionBackwardDataAlgorithm_v7(
                    handle, d.weight(), d.y(), d.convolution(), d.x(), found.length, count, found);
            first(found, count).forEach(p -> to.add(new Advice(p.algo, p.status, p.determinism, p.mathType)));
            return status;
        }

        @Override
        int workspace(cudnnHandle handle, CudnnDescriptors d, int algorithm, long[] bytes) {
            return JCudnn.cudnnGetConvolutionBackwardDataWorkspaceSize(
                    handle, d.weight(), d.y(), d.convolution(), d.x(), algorithm, bytes);
        }

        @Override
        int run(cudnnHandle handle, CudnnDescriptors d, Arguments a) {
            return JCudnn.cudnnConvolutionBackwardData(
                    handle,
                    ONE,
                    d.weight(),
                    a.weight,
                    d.y(),
                    a.y,
                    d.convolution(),
                    a.algorithm,
                    a.workspace,
                    a.bytes,
                    a.beta,
                    d.x(),
                    a.x);
        }
    },

    WEIGHT("conv2d_backward_weight", "BackwardFilter", 1 << CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1) {
        @Override
        int advise(cudnnHandle handle, CudnnDescriptors d, List<Advice> to) {
            var found = filled(
                    new cudnnConvolutionBwdFilterAlgoPerf[CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT],
                    cudnnConvolutionBwdFilterAlgoPerf::new);
            var count = new int[1];
            int status = JCudnn.cudnnGetConvolutionBackwardFilterAlgorithm_v7(
                    handle, d.x(), d.y(), d.convolution(), d.weight(), found.length, count, found);
            first(found, count).forEach(p -> to.add(new Advice(p.algo, p.status, p.determinism, p.mathType)));
            return status;
        }

        @Override
        int workspace(cudnnHandle handle, CudnnDescriptors d, int algorithm, long[] bytes) {
            return JCudnn.cudnnGetConvolutionBackwardFilterWorkspaceSize(
                    handle, d.x(), d.y(), d.convolution(), d.weight(), algorithm, bytes);
        }

        @Override
        int run(cudnnHandle handle, CudnnDescriptors d, Arguments a) {
            return JCudnn.cudnnConvolutionBackwardFilter(
                    handle,
                    ONE,
                    d.x(),
                    a.x,
                    d.y(),
                    a.y,
                    d.convolution(),
                    a.algorithm,
                    a.workspace,
                    a.bytes,
                    a.beta,
                    d.weight(),
                    a.weight);
        }
    };

    /** An algorithm, by cuDNN's numbers. */
    record Advice(int algorithm, int status, int determinism, int mathType) {}

    /**
     * The arguments of a run beside descriptors.
     *
     * @param x the tensor or its gradient, as for weight and y
     * @param beta factor of the old value: 1 adds, 0 overwrites
     */
    record Arguments(
            Pointer x, Pointer weight, Pointer y, int algorithm, Pointer workspace, long bytes, Pointer beta) {}

    static final Pointer ONE = Pointer.to(new float[] {1});
    static final Pointer ZERO = Pointer.to(new float[] {0});

    private final String op;
    private final String name;
    private final int direct;

    /** @param direct a bit for each direct algorithm, by its number */
    CudnnDirection(String op, String name, int direct) {
        this.op = op;
        this.name = name;
        this.direct = direct;
    }

    /** @return cuDNN's status; its algorithms are added to the list, the best first */
    abstract int advise(cudnnHandle handle, CudnnDescriptors d, List<Advice> to);

    /** @return cuDNN's status */
    abstract int workspace(cudnnHandle handle, CudnnDescriptors d, int algorithm, long[] bytes);

    /** @return cuDNN's status */
    abstract int run(cudnnHandle handle, CudnnDescriptors d, Arguments a);

    /** The name in messages: the own kernel that does the same. */
    String op() {
        return op;
    }

    /** For example cudnnGetConvolutionBackwardDataAlgorithm_v7. */
    String function(String before, String after) {
        return String.format(Locale.ROOT, "cudnn%sConvolution%s%s", before, name, after);
    }

    /**
     * Returns true for an algorithm that sums the terms of the convolution as they are. Transforms by Fourier or Winograd lose
     * digits and need NCHW.
     */
    boolean isDirect(int algorithm) {
        return (direct >> algorithm & 1) != 0;
    }

    private static <T> T[] filled(T[] array, Supplier<T> element) {
        Arrays.setAll(array, _ -> element.get());
        return array;
    }

    private static <T> List<T> first(T[] array, int[] count) {
        return IntStream.range(0, count[0]).mapToObj(i -> array[i]).toList();
    }
}
