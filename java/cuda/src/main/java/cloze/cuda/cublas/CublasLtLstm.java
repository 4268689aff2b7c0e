package cloze.cuda.cublas;

import cloze.cuda.cublas.CublasLtProblem.Epilogue;
import cloze.cuda.driver.Driver;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.launch.LstmLaunches;
import cloze.op.Lstm;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * {@link Lstm} with what is one product for all tokens by cuBLASLt: what the input says to the gates, and the gradients of
 * the input and of its weight. The rest is own kernels, which also do all where the library has no algorithm.
 */
public final class CublasLtLstm implements Lstm.Forward, Lstm.Backward {
    /**
     * Own kernels; the first two are whole.
     *
     * @param tokens forward but for what the input says
     * @param withoutInput backward but for the gradients of the input and of its weight
     */
    public record Own(Lstm.Forward forward, Lstm.Backward backward, Lstm.Forward tokens, Lstm.Backward withoutInput) {}

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

    @Override
    public void call(
            Tensor x,
            Tensor h,
            Tensor c,
            Tensor inputWeight,
            Tensor hiddenWeight,
            @Nullable Tensor bias,
            Tensor y,
            Tensor lastH,
            Tensor lastC,
            Tensor kept,
            long b,
            long t,
            long in,
            long hidden) {
        synchronized (queue) {
            driver.enter();
            boolean any = x.bytes() > 0 && hidden > 0;
            boolean said = any && says(x, inputWeight, bias, kept, b * t, in, 4 * hidden);
            Lstm.Forward rest = said ? own.tokens : own.forward;
            rest.call(x, h, c, inputWeight, hiddenWeight, bias, y, lastH, lastC, kept, b, t, in, hidden);
        }
    }

    /** gates^T [m, n] = inputWeight [m, k] x^T [k, n] + bias */
    private boolean says(Tensor x, Tensor weight, @Nullable Tensor bias, Tensor gates, long n, long k, long m) {
        long added = bias == null ? 0 : at(bias);
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
                CublasLtProblem.alignment(at(x), at(weight), at(gates), added));
        long workspace = queue.scratch(CublasLt.WORKSPACE);
        return library.run(queue, new CublasLt.Call(problem, at(weight), at(x), at(gates), false, added, 0, workspace));
    }

    @Override
    public void call(
            Tensor x,
            Tensor h,
            Tensor c,
            Tensor inputWeight,
            Tensor hiddenWeight,
            @Nullable Tensor bias,
            Tensor y,
            Tensor kept,
            @Nullable Tensor dy,
            @Nullable Tensor dlastH,
            @Nullable Tensor dlastC,
            @Nullable Tensor dx,
            @Nullable Tensor dh,
            @Nullable Tensor dc,
            @Nullable Tensor dinputWeight,
            @Nullable Tensor dhiddenWeight,
            @Nullable Tensor dbias,
            long b,
            long t,
            long in,
            long hidden,
            long accumulate) {
        synchronized (queue) {
            driver.enter();
            long before = Math.ceilDiv(LstmLaunches.scratch(b, t, hidden), ALIGNMENT) * ALIGNMENT;
            long dgates = queue.scratch(before + CublasLt.WORKSPACE); // where own kernels will find their scratch, too
            CublasLt.Call toX = dx == null
                    ? null
                    : input(inputWeight, dgates, dx, b * t, in, 4 * hidden, (accumulate & 1) != 0, dgates + before);
            CublasLt.Call toWeight = dinputWeight == null
                    ? null
                    : weight(x, dgates, dinputWeight, b * t, in, 4 * hidden, (accumulate & 8) != 0, dgates + before);
            boolean all = x.bytes() == 0 || hidden == 0 || lacks(toX) || lacks(toWeight);
            Lstm.Backward rest = all ? own.backward : own.withoutInput;
            rest.call(
                    x,
                    h,
                    c,
                    inputWeight,
                    hiddenWeight,
                    bias,
                    y,
                    kept,
                    dy,
                    dlastH,
                    dlastC,
                    dx,
                    dh,
                    dc,
                    dinputWeight,
                    dhiddenWeight,
                    dbias,
                    b,
                    t,
                    in,
                    hidden,
                    accumulate);
            if (toX != null && !all) {
                library.run(queue, toX);
            }
            if (toWeight != null && !all) {
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
                CublasLtProblem.alignment(at(weight), dgates, at(dx)));
        return new CublasLt.Call(problem, at(weight), dgates, at(dx), add, 0, 0, workspace);
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
                CublasLtProblem.alignment(at(x), dgates, at(dweight)));
        return new CublasLt.Call(problem, at(x), dgates, at(dweight), add, 0, 0, workspace);
    }

    private boolean lacks(CublasLt.@Nullable Call call) {
        return call != null && !library.has(call);
    }

    private static long at(Tensor tensor) {
        return tensor.memory().address();
    }
}
