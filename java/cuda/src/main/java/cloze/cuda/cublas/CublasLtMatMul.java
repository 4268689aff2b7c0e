package cloze.cuda.cublas;

import static cloze.cuda.launch.Arguments.address;

import cloze.backend.BackendException;
import cloze.cuda.cublas.CublasLtProblem.Epilogue;
import cloze.cuda.driver.Driver;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.launch.Launcher;
import cloze.op.Activation;
import cloze.op.MatMul;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * {@link MatMul} by cuBLASLt. Bias, GELU (tanh) with its input stored, and the gradient of the bias are epilogues if the library
 * has them. Own kernels do the rest: other activations and empty matrices. The gradient of GELU cannot be an epilogue, since
 * it would belong to the matrix multiplication of another op, the next one.
 */
public final class CublasLtMatMul implements MatMul.Forward, MatMul.Backward {
    /** Leading dimensions of the stored input of GELU must be multiples of it. */
    private static final int AUX_MULTIPLE = 8;

    /** Own kernels: {@code forward} and {@code backward} do the whole op, the others the parts that the library leaves out. */
    public record Own(
            Launcher forward,
            Launcher backward,
            Launcher activation,
            Launcher slope,
            Launcher columns,
            Launcher narrow,
            Launcher add) {}

    private final Driver driver;
    private final CudaQueue queue;
    private final CublasLt library;
    private final boolean tf32;
    private final Own own;

    public CublasLtMatMul(Driver driver, CudaQueue queue, CublasLt library, boolean tf32, Own own) {
        this.driver = driver;
        this.queue = queue;
        this.library = library;
        this.tf32 = tf32;
        this.own = own;
    }

    @Override
    public void call(
            Tensor x,
            Tensor weight,
            @Nullable Tensor bias,
            Tensor y,
            @Nullable Tensor pre,
            long n,
            long k,
            long m,
            long activation) {
        if (n == 0 || k == 0 || m == 0) {
            own.forward.call(x, weight, bias, y, pre, n, k, m, activation);
            return;
        }
        synchronized (queue) {
            driver.enter();
            long workspace = queue.scratch(CublasLt.WORKSPACE + Float.BYTES * m);
            long added = bias == null ? 0 : ofType(y.dtype(), bias, workspace + CublasLt.WORKSPACE, m);
            Epilogue fused = epilogue(bias != null, pre != null, activation, m);
            if (fused != null && forward(x, weight, added, y, pre, n, k, m, fused, workspace)) {
                return;
            }
            Tensor sums = pre != null ? pre : y;
            Epilogue plain = bias != null ? Epilogue.BIAS : Epilogue.DEFAULT;
            require(forward(x, weight, added, sums, null, n, k, m, plain, workspace), "mat_mul_forward", x, weight);
            if (activation != Activation.NONE.code()) {
                own.activation.call(sums, y, n * m, activation);
            }
        }
    }

    /** y^T [m, n] = weight [m, k] x^T [k, n] */
    private boolean forward(
            Tensor x,
            Tensor weight,
            long bias,
            Tensor y,
            @Nullable Tensor pre,
            long n,
            long k,
            long m,
            Epilogue epilogue,
            long workspace) {
        long aux = address(pre);
        int alignment = CublasLtProblem.alignment(address(x), address(weight), address(y), bias, aux);
        var problem = new CublasLtProblem(
                "mat_mul_forward", true, false, m, n, k, x.dtype(), y.dtype(), tf32, epilogue, alignment);
        return library.run(
                queue,
                new CublasLt.Call(problem, address(weight), address(x), address(y), false, bias, aux, workspace));
    }

    /** The address of the bias in the result's type, which epilogues need. */
    private long ofType(DType dtype, Tensor bias, long scratch, long m) {
        if (dtype == bias.dtype()) {
            return address(bias);
        }
        own.narrow.callAs(true, bias, scratch, m);
        return scratch;
    }

    /** The epilogue that does all of it, or null if there is none. */
    private static @Nullable Epilogue epilogue(boolean bias, boolean pre, long activation, long m) {
        if (activation == Activation.NONE.code()) {
            return bias ? Epilogue.BIAS : Epilogue.DEFAULT;
        }
        if (activation == Activation.GELU_TANH.code() && pre) {
            return m % AUX_MULTIPLE != 0 ? null : bias ? Epilogue.GELU_AUX_BIAS : Epilogue.GELU_AUX;
        }
        if (activation == Activation.GELU_TANH.code()) {
            return bias ? Epilogue.GELU_BIAS : Epilogue.GELU;
        }
        return null;
    }

    @Override
    public void call(
            Tensor x,
            Tensor weight,
            @Nullable Tensor pre,
            Tensor dy,
            @Nullable Tensor dx,
            @Nullable Tensor dweight,
            @Nullable Tensor dbias,
            long n,
            long k,
            long m,
            long activation,
            long accumulate) {
        if (n == 0 || k == 0 || m == 0) {
            own.backward.call(x, weight, pre, dy, dx, dweight, dbias, n, k, m, activation, accumulate);
            return;
        }
        synchronized (queue) {
            driver.enter();
            if (activation != Activation.NONE.code()) {
                own.slope.call(x, weight, pre, dy, dx, dweight, dbias, n, k, m, activation, accumulate);
            }
            if (dx != null) {
                input(weight, dy, dx, n, k, m, (accumulate & 1) != 0);
            }
            boolean summed = dweight != null && weight(x, dy, dweight, dbias, n, k, m, accumulate);
            if (dbias != null && !summed) {
                own.columns.call(x, weight, pre, dy, dx, dweight, dbias, n, k, m, activation, accumulate);
            }
        }
    }

    /** dx^T [k, n] = weight^T [k, m] dy^T [m, n] */
    private void input(Tensor weight, Tensor dy, Tensor dx, long n, long k, long m, boolean add) {
        int alignment = CublasLtProblem.alignment(address(weight), address(dy), address(dx));
        var problem = new CublasLtProblem(
                "mat_mul_backward_input",
                false,
                false,
                k,
                n,
                m,
                dy.dtype(),
                dx.dtype(),
                tf32,
                Epilogue.DEFAULT,
                alignment);
        long workspace = queue.scratch(CublasLt.WORKSPACE);
        require(
                library.run(
                        queue,
                        new CublasLt.Call(problem, address(weight), address(dy), address(dx), add, 0, 0, workspace)),
                problem.op(),
                dy,
                weight);
    }

    /**
     * dweight^T [k, m] = x^T [k, n] dy [n, m]
     *
     * @return true if dbias is done, too
     */
    private boolean weight(
            Tensor x, Tensor dy, Tensor dweight, @Nullable Tensor dbias, long n, long k, long m, long accumulate) {
        long workspace = queue.scratch(CublasLt.WORKSPACE + Float.BYTES * m);
        boolean addBias = (accumulate & 4) != 0;
        long sums = dbias == null ? 0 : addBias ? workspace + CublasLt.WORKSPACE : address(dbias);
        var problem = new CublasLtProblem(
                "mat_mul_backward_weight",
                false,
                true,
                k,
                m,
                n,
                x.dtype(),
                dweight.dtype(),
                tf32,
                Epilogue.BGRADB,
                CublasLtProblem.alignment(address(x), address(dy), address(dweight), sums));
        boolean add = (accumulate & 2) != 0;
        if (dbias != null
                && library.run(
                        queue,
                        new CublasLt.Call(
                                problem, address(x), address(dy), address(dweight), add, sums, 0, workspace))) {
            if (addBias) {
                own.add.call(sums, dbias, m);
            }
            return true;
        }
        require(
                library.run(
                        queue,
                        new CublasLt.Call(
                                problem.with(Epilogue.DEFAULT),
                                address(x),
                                address(dy),
                                address(dweight),
                                add,
                                0,
                                0,
                                workspace)),
                problem.op(),
                x,
                dy);
        return false;
    }

    private static void require(boolean done, String op, Tensor a, Tensor b) {
        if (!done) {
            throw new BackendException(String.format(
                    Locale.ROOT,
                    "%s of %s and %s: cuBLASLt has no algorithm, %s",
                    op,
                    a,
                    b,
                    CublasStatus.name(CublasStatus.NOT_SUPPORTED)));
        }
    }
}
