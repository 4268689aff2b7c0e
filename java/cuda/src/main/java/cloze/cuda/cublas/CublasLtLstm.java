package cloze.cuda.cublas;

import static cloze.cuda.launch.Arguments.address;

import cloze.cuda.cublas.CublasLtProblem.Epilogue;
import cloze.cuda.driver.Driver;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.launch.Arguments;
import cloze.cuda.launch.KernelCall;
import cloze.cuda.launch.LstmLaunches;
import cloze.op.Lstm;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * {@link Lstm} with three matrix multiplications by cuBLASLt, each over all tokens: the input's part of the gates, and the
 * gradients of the input and of its weight. Own kernels do the rest, and all of it if the library has no algorithm.
 */
public final class CublasLtLstm {
    /**
     * Own kernels; the first two do the whole op.
     *
     * @param tokens forward without the input's part of the gates
     * @param withoutInput backward without the gradients of the input and of its weight
     */
    public record Own(KernelCall forward, KernelCall backward, KernelCall tokens, KernelCall withoutInput) {}

    private static final long ALIGNMENT = 256;

    private final Driver driver;
    private final CudaQueue queue;
    private final CublasLt library;
    private final boolean tf32;
    private final Own own;

    public CublasLtLstm(Driver driver, CudaQueue queue, CublasLt library, boolean tf32, Own own) {
        this.driver = driver;
        this.queue = queue;
        this.library = library;
        this.tf32 = tf32;
        this.own = own;
    }

    /** A call of {@link Lstm.Forward}. */
    public void forward(Arguments arguments) {
        synchronized (queue) {
            driver.enter();
            (multipliesInput(arguments) ? own.tokens : own.forward).call(arguments);
        }
    }

    /**
     * gates^T [m, n] = inputWeight [m, k] x^T [k, n] + bias
     *
     * @return false if nothing was done, because the library has no algorithm or a tensor is empty
     */
    private boolean multipliesInput(Arguments arguments) {
        Tensor x = arguments.tensor("x");
        Tensor weight = arguments.tensor("inputWeight");
        Tensor bias = arguments.optional("bias");
        Tensor gates = arguments.tensor("kept");
        long n = arguments.size("b") * arguments.size("t");
        long k = arguments.size("in");
        long m = 4 * arguments.size("hidden");
        if (x.bytes() == 0 || m == 0) {
            return false;
        }
        long added = address(bias);
        var problem = new CublasLtProblem(
                "lstm_forward",
                true,
                false,
                m,
                n,
                k,
                x.dtype(),
                DType.F32,
                tf32,
                bias == null ? Epilogue.DEFAULT : Epilogue.BIAS,
                CublasLtProblem.alignment(address(x), address(weight), address(gates), added));
        long workspace = queue.scratch(CublasLt.WORKSPACE);
        return library.run(
                queue,
                new CublasLt.Call(problem, address(weight), address(x), address(gates), false, added, 0, workspace));
    }

    /** A call of {@link Lstm.Backward}. */
    public void backward(Arguments arguments) {
        synchronized (queue) {
            driver.enter();
            Tensor x = arguments.tensor("x");
            Tensor dx = arguments.optional("dx");
            Tensor dweight = arguments.optional("dinputWeight");
            long b = arguments.size("b");
            long t = arguments.size("t");
            long in = arguments.size("in");
            long hidden = arguments.size("hidden");
            long accumulate = arguments.size("accumulate");
            long before = Math.ceilDiv(LstmLaunches.scratch(b, t, hidden), ALIGNMENT) * ALIGNMENT;
            long dgates = queue.scratch(before + CublasLt.WORKSPACE); // own kernels find their scratch there, too
            long workspace = dgates + before;
            CublasLt.Call toX = null;
            if (dx != null) {
                Tensor weight = arguments.tensor("inputWeight");
                toX = input(weight, dgates, dx, b * t, in, 4 * hidden, (accumulate & 1) != 0, workspace);
            }
            CublasLt.Call toWeight = null;
            if (dweight != null) {
                toWeight = weight(x, dgates, dweight, b * t, in, 4 * hidden, (accumulate & 8) != 0, workspace);
            }
            if (x.bytes() == 0 || hidden == 0 || lacks(toX) || lacks(toWeight)) {
                own.backward.call(arguments);
                return;
            }
            own.withoutInput.call(arguments);
            if (toX != null) {
                library.run(queue, toX);
            }
            if (toWeight != null) {
                library.run(queue, toWeight);
            }
        }
    }

    /** dx^T [k, n] = inputWeight^T [k, m] dgates^T [m, n] */
    private CublasLt.Call input(
            Tensor weight, long dgates, Tensor dx, long n, long k, long m, boolean add, long workspace) {
        var problem = new CublasLtProblem(
                "lstm_backward_input",
                false,
                false,
                k,
                n,
                m,
                dx.dtype(),
                dx.dtype(),
                tf32,
                Epilogue.DEFAULT,
                CublasLtProblem.alignment(address(weight), dgates, address(dx)));
        return new CublasLt.Call(problem, address(weight), dgates, address(dx), add, 0, 0, workspace);
    }

    /** dinputWeight^T [k, m] = x^T [k, n] dgates [n, m] */
    private CublasLt.Call weight(
            Tensor x, long dgates, Tensor dweight, long n, long k, long m, boolean add, long workspace) {
        var problem = new CublasLtProblem(
                "lstm_backward_input_weight",
                false,
                true,
                k,
                m,
                n,
                x.dtype(),
                dweight.dtype(),
                tf32,
                Epilogue.DEFAULT,
                CublasLtProblem.alignment(address(x), dgates, address(dweight)));
        return new CublasLt.Call(problem, address(x), dgates, address(dweight), add, 0, 0, workspace);
    }

    private boolean lacks(CublasLt.@Nullable Call call) {
        return call != null && !library.has(call);
    }
}
