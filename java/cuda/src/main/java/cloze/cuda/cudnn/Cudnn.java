package cloze.cuda.cudnn;

import static jcuda.jcudnn.cudnnDeterminism.CUDNN_DETERMINISTIC;
import static jcuda.jcudnn.cudnnMathType.CUDNN_FMA_MATH;
import static jcuda.jcudnn.cudnnMathType.CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION;

import cloze.backend.BackendException;
import cloze.cuda.driver.CudaStream;
import cloze.cuda.driver.JCudaNatives;
import cloze.cuda.driver.Teardown;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import jcuda.Pointer;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnHandle;
import jcuda.runtime.cudaStream_t;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The functions of cuDNN 9 for convolution and LSTM, through JCudnn. The algorithm for a problem is chosen by its heuristics once
 * and kept; algorithms that do not give the same bits each time are left out. JCudnn has the names of statuses of cuDNN 8, so
 * a status is compared with 0 only, and its name comes from the library. Not thread-safe: callers hold the lock of the queue.
 *
 * <p>No GPU has run this yet. With cuDNN 9.24 for CUDA 13, without a GPU, JCudnn loads and creates descriptors; everything else
 * ran with a stand-in that checks its arguments.
 *
 * @see <a href="https://docs.nvidia.com/deeplearning/cudnn/backend/latest/api/cudnn-cnn-library.html">its manual</a>
 */
public final class Cudnn implements AutoCloseable {
    /** The most bytes of device memory that a convolution may use while it runs. */
    static final long MOST_WORKSPACE = 256L << 20;

    /** Addresses must be multiples of it. */
    static final int ALIGNMENT = 16;

    private static final Logger LOG = LoggerFactory.getLogger(Cudnn.class);
    private static @Nullable Path loaded;

    /** A device address as a pointer of JCuda, or a variable for one that JCuda returns. */
    static final class Address extends Pointer {
        private Address(long address) {
            super(address);
        }

        long value() {
            return getNativePointer();
        }
    }

    private record Plan(CudnnDescriptors descriptors, int algorithm, long workspace) {}

    /**
     * One convolution, or one of its gradients.
     *
     * @param add true adds the result to the old value
     */
    record Call(CudnnProblem problem, long x, long weight, long y, boolean add, long workspace) {
        @Override
        public String toString() {
            return problem.toString();
        }
    }

    private final Map<CudnnProblem, @Nullable Plan> plans = new HashMap<>();
    private final CudnnLstms lstms = new CudnnLstms(this);
    private @Nullable cudnnHandle handle;

    /**
     * Binds JCudnn to an open library, for the life of the process.
     *
     * @param file of the library, without links
     * @return the reason why it failed, or null
     */
    static synchronized @Nullable String load(Path file) {
        if (loaded != null && !loaded.equals(file)) {
            return String.format(Locale.ROOT, "this process has loaded %s, and can load no other", loaded);
        }
        try {
            JCudaNatives.load(JCudnn::initialize);
            loaded = file;
            return null;
        } catch (LinkageError e) {
            return "JCudnn can not be loaded: " + JCudaNatives.reason(e);
        }
    }

    /** For example 9.24.0. */
    String version() {
        long number = JCudnn.cudnnGetVersion();
        return String.format(Locale.ROOT, "%d.%d.%d", number / 10_000, number % 10_000 / 100, number % 100);
    }

    /** Bytes that a problem needs while it runs; empty if the library has no algorithm for it. */
    OptionalLong workspace(CudnnProblem problem) {
        if (!plans.containsKey(problem)) {
            Plan plan = plan(problem);
            if (plan == null) {
                LOG.info("{}: cuDNN has no direct deterministic algorithm, an own kernel takes it", problem);
            }
            plans.put(problem, plan);
        }
        Plan plan = plans.get(problem);
        return plan == null ? OptionalLong.empty() : OptionalLong.of(plan.workspace);
    }

    /** Runs a call in a stream; {@link #workspace} has found an algorithm for it. */
    void run(Call call, CudaStream stream) {
        Plan plan = plans.get(call.problem);
        if (plan == null) {
            throw new IllegalStateException("no algorithm was chosen for " + call);
        }
        CudnnDirection direction = call.problem.direction();
        cudnnHandle handle = handle(stream, call);
        var arguments = new CudnnDirection.Arguments(
                at(call.x),
                at(call.weight),
                at(call.y),
                plan.algorithm,
                at(call.workspace),
                plan.workspace,
                call.add ? CudnnDirection.ONE : CudnnDirection.ZERO);
        check(direction.function("", ""), call, direction.run(handle, plan.descriptors, arguments));
    }

    public CudnnLstms lstms() {
        return lstms;
    }

    static Address at(long address) {
        return new Address(address);
    }

    /** The handle, with a stream for the next calls. */
    cudnnHandle handle(CudaStream stream, Object call) {
        check("cudnnSetStream", call, JCudnn.cudnnSetStream(handle(), new cudaStream_t(stream)));
        return handle();
    }

    cudnnHandle handle() {
        if (handle == null) {
            var made = new cudnnHandle();
            check("cudnnCreate", "the first call", JCudnn.cudnnCreate(made));
            handle = made;
        }
        return handle;
    }

    private @Nullable Plan plan(CudnnProblem problem) {
        var descriptors = CudnnDescriptors.create();
        Plan plan = descriptors.tell(problem) ? plan(problem, descriptors) : null;
        if (plan == null) {
            descriptors.close();
        }
        return plan;
    }

    private @Nullable Plan plan(CudnnProblem problem, CudnnDescriptors descriptors) {
        CudnnDirection direction = problem.direction();
        var advised = new ArrayList<CudnnDirection.Advice>();
        int status = direction.advise(handle(), descriptors, advised);
        if (!supports(direction.function("Get", "Algorithm_v7"), problem, status)) {
            return null;
        }
        for (CudnnDirection.Advice advice : advised) {
            boolean fits = advice.status() == 0
                    && advice.determinism() == CUDNN_DETERMINISTIC
                    && advice.mathType() != CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION
                    && direction.isDirect(advice.algorithm());
            Plan plan = fits ? plan(problem, descriptors, advice) : null;
            if (plan != null) {
                return plan;
            }
        }
        return null;
    }

    private @Nullable Plan plan(CudnnProblem problem, CudnnDescriptors descriptors, CudnnDirection.Advice advice) {
        CudnnDirection direction = problem.direction();
        int math = CudnnDescriptors.exact(problem) ? CUDNN_FMA_MATH : advice.mathType();
        var bytes = new long[1];
        if (!descriptors.tellMath(problem, math)) {
            return null;
        }
        int status = direction.workspace(handle(), descriptors, advice.algorithm(), bytes);
        boolean has = supports(direction.function("Get", "WorkspaceSize"), problem, status);
        return has && bytes[0] <= MOST_WORKSPACE ? new Plan(descriptors, advice.algorithm(), bytes[0]) : null;
    }

    /**
     * Returns false for a status from 3000 to 3999: cuDNN does not support this.
     *
     * @throws BackendException if the status is another error
     */
    static boolean supports(String function, Object what, int status) {
        if (status / 1000 == 3) {
            return false;
        }
        check(function, what, status);
        return true;
    }

    /** @throws BackendException if the status is not 0 */
    static void check(String function, Object what, int status) {
        if (status != 0) {
            throw new BackendException(String.format(
                    Locale.ROOT, "%s for %s: %s (%d)", function, what, JCudnn.cudnnGetErrorString(status), status));
        }
    }

    @Override
    public void close() {
        var parts = new Teardown().free(lstms::close);
        for (Plan plan : plans.values()) {
            if (plan != null) {
                parts.free(plan.descriptors::close);
            }
        }
        plans.clear();
        if (handle != null) {
            cudnnHandle made = handle;
            handle = null;
            parts.free(() -> check("cudnnDestroy", "the library", JCudnn.cudnnDestroy(made)));
        }
        parts.end();
    }
}
