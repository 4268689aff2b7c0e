package cloze.cuda.cudnn;

import static jcuda.jcudnn.cudnnDataType.CUDNN_DATA_FLOAT;
import static jcuda.jcudnn.cudnnDirectionMode.CUDNN_UNIDIRECTIONAL;
import static jcuda.jcudnn.cudnnForwardMode.CUDNN_FWD_MODE_TRAINING;
import static jcuda.jcudnn.cudnnMathType.CUDNN_DEFAULT_MATH;
import static jcuda.jcudnn.cudnnMathType.CUDNN_FMA_MATH;
import static jcuda.jcudnn.cudnnRNNAlgo.CUDNN_RNN_ALGO_STANDARD;
import static jcuda.jcudnn.cudnnRNNBiasMode.CUDNN_RNN_NO_BIAS;
import static jcuda.jcudnn.cudnnRNNBiasMode.CUDNN_RNN_SINGLE_INP_BIAS;
import static jcuda.jcudnn.cudnnRNNDataLayout.CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED;
import static jcuda.jcudnn.cudnnRNNInputMode.CUDNN_LINEAR_INPUT;
import static jcuda.jcudnn.cudnnRNNMode.CUDNN_LSTM;

import cloze.backend.BackendException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnDropoutDescriptor;
import jcuda.jcudnn.cudnnHandle;
import jcuda.jcudnn.cudnnRNNDataDescriptor;
import jcuda.jcudnn.cudnnRNNDescriptor;
import jcuda.jcudnn.cudnnTensorDescriptor;
import org.jspecify.annotations.Nullable;

/**
 * The descriptors of a {@link CudnnLstmProblem} in cuDNN, the bytes it needs, and the places of the weights in cuDNN's single
 * buffer. The order of the gates is the same in Cloze and cuDNN.
 */
final class CudnnLstmPlan implements AutoCloseable {
    /** The weights of a layer in Cloze. */
    enum Weight {
        INPUT(1 << 3),
        HIDDEN(1 << 4),
        BIAS(1 << 5);

        /** Bit of the op's {@code accumulate}. */
        final long accumulate;

        Weight(long accumulate) {
            this.accumulate = accumulate;
        }
    }

    /**
     * A part of one weight, copied unchanged to cuDNN's buffer.
     *
     * @param from bytes from the beginning of the weight
     * @param to bytes from the beginning of the buffer
     */
    record Piece(Weight weight, long from, long to, long bytes) {
        boolean joins(Piece next) {
            return weight == next.weight && from + bytes == next.from && to + bytes == next.to;
        }
    }

    private static final int GATES = 4;

    /** CUDNN_RNN_PADDED_IO_ENABLED of {@code auxFlags}, which unpacked layouts need. */
    private static final int PADDED_IO = 1;

    final CudnnLstmProblem problem;
    final cudnnRNNDescriptor layer = new cudnnRNNDescriptor();
    final cudnnRNNDataDescriptor x = new cudnnRNNDataDescriptor();
    final cudnnRNNDataDescriptor y = new cudnnRNNDataDescriptor();
    /** The descriptor of h and c. */
    final cudnnTensorDescriptor state = new cudnnTensorDescriptor();

    private final cudnnDropoutDescriptor dropout = new cudnnDropoutDescriptor();
    private final long[] weightBytes = new long[1];
    private final long[] workspaceBytes = new long[1];
    private final long[] keptBytes = new long[1];
    private final List<Piece> pieces = new ArrayList<>();

    private CudnnLstmPlan(CudnnLstmProblem problem) {
        this.problem = problem;
        Cudnn.check("cudnnCreateRNNDescriptor", problem, JCudnn.cudnnCreateRNNDescriptor(layer));
        Cudnn.check("cudnnCreateDropoutDescriptor", problem, JCudnn.cudnnCreateDropoutDescriptor(dropout));
        Cudnn.check("cudnnCreateRNNDataDescriptor", problem, JCudnn.cudnnCreateRNNDataDescriptor(x));
        Cudnn.check("cudnnCreateRNNDataDescriptor", problem, JCudnn.cudnnCreateRNNDataDescriptor(y));
        Cudnn.check("cudnnCreateTensorDescriptor", problem, JCudnn.cudnnCreateTensorDescriptor(state));
    }

    /** @return null if cuDNN does not support the problem */
    static @Nullable CudnnLstmPlan of(CudnnLstmProblem problem, cudnnHandle handle) {
        var plan = new CudnnLstmPlan(problem);
        if (plan.tell(handle) && plan.measure(handle)) {
            return plan;
        }
        plan.close();
        return null;
    }

    private boolean tell(cudnnHandle handle) {
        CudnnLstmProblem p = problem;
        int status = JCudnn.cudnnSetDropoutDescriptor(dropout, handle, 0, Cudnn.at(0), 0, 0);
        Cudnn.check("cudnnSetDropoutDescriptor", p, status);
        status = JCudnn.cudnnSetRNNDescriptor_v8(
                layer,
                CUDNN_RNN_ALGO_STANDARD,
                CUDNN_LSTM,
                p.bias() ? CUDNN_RNN_SINGLE_INP_BIAS : CUDNN_RNN_NO_BIAS,
                CUDNN_UNIDIRECTIONAL,
                CUDNN_LINEAR_INPUT,
                CUDNN_DATA_FLOAT,
                CUDNN_DATA_FLOAT,
                p.tf32() ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH,
                p.in(),
                p.hidden(),
                p.hidden(),
                1,
                dropout,
                PADDED_IO);
        if (!Cudnn.supports("cudnnSetRNNDescriptor_v8", p, status) || !tell(x, p.in()) || !tell(y, p.hidden())) {
            return false;
        }
        int size = p.batch() * p.hidden();
        status = JCudnn.cudnnSetTensorNdDescriptor(
                state, CUDNN_DATA_FLOAT, 3, new int[] {1, p.batch(), p.hidden()}, new int[] {size, p.hidden(), 1});
        return Cudnn.supports("cudnnSetTensorNdDescriptor", p, status);
    }

    private boolean tell(cudnnRNNDataDescriptor data, int columns) {
        var lengths = new int[problem.batch()];
        Arrays.fill(lengths, problem.tokens());
        int status = JCudnn.cudnnSetRNNDataDescriptor(
                data,
                CUDNN_DATA_FLOAT,
                CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED,
                problem.tokens(),
                problem.batch(),
                columns,
                lengths,
                Cudnn.at(0) /* the value of padding, of which there is none */);
        return Cudnn.supports("cudnnSetRNNDataDescriptor", problem, status);
    }

    private boolean measure(cudnnHandle handle) {
        int status = JCudnn.cudnnGetRNNWeightSpaceSize(handle, layer, weightBytes);
        if (!Cudnn.supports("cudnnGetRNNWeightSpaceSize", problem, status)) {
            return false;
        }
        status = JCudnn.cudnnGetRNNTempSpaceSizes(handle, layer, CUDNN_FWD_MODE_TRAINING, x, workspaceBytes, keptBytes);
        if (!Cudnn.supports("cudnnGetRNNTempSpaceSizes", problem, status) || workspaceBytes[0] > Cudnn.MOST_WORKSPACE) {
            return false;
        }
        var matrix = new cudnnTensorDescriptor();
        var vector = new cudnnTensorDescriptor();
        Cudnn.check("cudnnCreateTensorDescriptor", problem, JCudnn.cudnnCreateTensorDescriptor(matrix));
        Cudnn.check("cudnnCreateTensorDescriptor", problem, JCudnn.cudnnCreateTensorDescriptor(vector));
        try {
            for (int of = 0; of < 2 * GATES; of++) {
                locate(handle, of, matrix, vector);
            }
        } finally {
            JCudnn.cudnnDestroyTensorDescriptor(matrix);
            JCudnn.cudnnDestroyTensorDescriptor(vector);
        }
        return true;
    }

    /** @param of cuDNN's number of a gate's matrix: first those of the input, then those of the state */
    private void locate(cudnnHandle handle, int of, cudnnTensorDescriptor matrix, cudnnTensorDescriptor vector) {
        long base = 1L << 40; // an address that is never read
        Cudnn.Address weights = Cudnn.at(0);
        Cudnn.Address biases = Cudnn.at(0);
        int status = JCudnn.cudnnGetRNNWeightParams(
                handle, layer, 0, weightBytes[0], Cudnn.at(base), of, matrix, weights, vector, biases);
        Cudnn.check("cudnnGetRNNWeightParams", problem, status);
        int gate = of % GATES;
        long row = Float.BYTES * (long) problem.hidden();
        long bytes = row * (of < GATES ? problem.in() : problem.hidden());
        add(new Piece(of < GATES ? Weight.INPUT : Weight.HIDDEN, gate * bytes, weights.value() - base, bytes));
        if (problem.bias() && of < GATES) {
            add(new Piece(Weight.BIAS, gate * row, biases.value() - base, row));
        }
    }

    private void add(Piece piece) {
        if (piece.to < 0 || piece.to + piece.bytes > weightBytes[0]) {
            throw new BackendException(String.format(
                    Locale.ROOT,
                    "cudnnGetRNNWeightParams for %s: %s is outside of the %d bytes of weights",
                    problem,
                    piece,
                    weightBytes[0]));
        }
        for (int i = 0; i < pieces.size(); i++) {
            Piece before = pieces.get(i);
            if (before.joins(piece)) {
                pieces.set(i, new Piece(before.weight, before.from, before.to, before.bytes + piece.bytes));
                return;
            }
        }
        pieces.add(piece);
    }

    List<Piece> pieces() {
        return pieces;
    }

    /** Bytes of cuDNN's buffer of weights. */
    long weightBytes() {
        return weightBytes[0];
    }

    /** Bytes that a call needs while it runs. */
    long workspaceBytes() {
        return workspaceBytes[0];
    }

    /** Bytes that forward keeps for backward. */
    long keptBytes() {
        return keptBytes[0];
    }

    @Override
    public void close() {
        JCudnn.cudnnDestroyTensorDescriptor(state);
        JCudnn.cudnnDestroyRNNDataDescriptor(y);
        JCudnn.cudnnDestroyRNNDataDescriptor(x);
        JCudnn.cudnnDestroyRNNDescriptor(layer);
        JCudnn.cudnnDestroyDropoutDescriptor(dropout);
    }
}
