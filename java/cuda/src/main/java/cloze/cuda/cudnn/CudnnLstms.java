package cloze.cuda.cudnn;

import static jcuda.jcudnn.cudnnForwardMode.CUDNN_FWD_MODE_TRAINING;
import static jcuda.jcudnn.cudnnWgradMode.CUDNN_WGRAD_MODE_ADD;

import cloze.cuda.driver.CudaStream;
import java.util.HashMap;
import java.util.Map;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnHandle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Layers of LSTM by cuDNN. The plan of a problem is made once and kept. Not thread-safe: callers hold the lock of the queue.
 *
 * @see <a href="https://docs.nvidia.com/deeplearning/cudnn/backend/latest/api/cudnn-adv-library.html">its manual</a>
 */
final class CudnnLstms implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CudnnLstms.class);

    /** Lengths of sequences on the device, which cuDNN 9 ignores. */
    private static final Cudnn.Address NO_LENGTHS = Cudnn.at(0);

    /** A forward pass, by addresses, none of which is 0. */
    record Forward(
            CudnnLstmProblem problem,
            long x,
            long h,
            long c,
            long weights,
            long y,
            long lastH,
            long lastC,
            long workspace,
            long kept) {
        @Override
        public String toString() {
            return "forward " + problem;
        }
    }

    /**
     * A backward pass, by addresses; only {@code dweights} may be 0.
     *
     * @param dweights address of zeros, to which the gradient is added, or 0 for no gradient
     */
    record Backward(
            CudnnLstmProblem problem,
            long x,
            long h,
            long c,
            long weights,
            long y,
            long dy,
            long dlastH,
            long dlastC,
            long dx,
            long dh,
            long dc,
            long dweights,
            long workspace,
            long kept) {
        @Override
        public String toString() {
            return "backward " + problem;
        }
    }

    private final Cudnn library;
    private final Map<CudnnLstmProblem, @Nullable CudnnLstmPlan> plans = new HashMap<>();

    CudnnLstms(Cudnn library) {
        this.library = library;
    }

    /** The plan of a problem, or null if cuDNN does not support it. */
    @Nullable
    CudnnLstmPlan plan(CudnnLstmProblem problem) {
        if (!plans.containsKey(problem)) {
            CudnnLstmPlan plan = CudnnLstmPlan.of(problem, library.handle());
            if (plan == null) {
                LOG.info("{}: not supported by cuDNN, so own kernels run it", problem);
            }
            plans.put(problem, plan);
        }
        return plans.get(problem);
    }

    private CudnnLstmPlan planned(CudnnLstmProblem problem) {
        CudnnLstmPlan plan = plans.get(problem);
        if (plan == null) {
            throw new IllegalStateException("nothing was planned for " + problem);
        }
        return plan;
    }

    void run(Forward call, CudaStream stream) {
        CudnnLstmPlan plan = planned(call.problem);
        cudnnHandle handle = library.handle(stream, call);
        int status = JCudnn.cudnnRNNForward(
                handle,
                plan.layer,
                CUDNN_FWD_MODE_TRAINING,
                NO_LENGTHS,
                plan.x,
                Cudnn.at(call.x),
                plan.y,
                Cudnn.at(call.y),
                plan.state,
                Cudnn.at(call.h),
                Cudnn.at(call.lastH),
                plan.state,
                Cudnn.at(call.c),
                Cudnn.at(call.lastC),
                plan.weightBytes(),
                Cudnn.at(call.weights),
                plan.workspaceBytes(),
                Cudnn.at(call.workspace),
                plan.keptBytes(),
                Cudnn.at(call.kept));
        Cudnn.check("cudnnRNNForward", call, status);
    }

    void run(Backward call, CudaStream stream) {
        CudnnLstmPlan plan = planned(call.problem);
        cudnnHandle handle = library.handle(stream, call);
        int status = JCudnn.cudnnRNNBackwardData_v8(
                handle,
                plan.layer,
                NO_LENGTHS,
                plan.y,
                Cudnn.at(call.y),
                Cudnn.at(call.dy),
                plan.x,
                Cudnn.at(call.dx),
                plan.state,
                Cudnn.at(call.h),
                Cudnn.at(call.dlastH),
                Cudnn.at(call.dh),
                plan.state,
                Cudnn.at(call.c),
                Cudnn.at(call.dlastC),
                Cudnn.at(call.dc),
                plan.weightBytes(),
                Cudnn.at(call.weights),
                plan.workspaceBytes(),
                Cudnn.at(call.workspace),
                plan.keptBytes(),
                Cudnn.at(call.kept));
        Cudnn.check("cudnnRNNBackwardData_v8", call, status);
        if (call.dweights != 0) {
            status = JCudnn.cudnnRNNBackwardWeights_v8(
                    handle,
                    plan.layer,
                    CUDNN_WGRAD_MODE_ADD,
                    NO_LENGTHS,
                    plan.x,
                    Cudnn.at(call.x),
                    plan.state,
                    Cudnn.at(call.h),
                    plan.y,
                    Cudnn.at(call.y),
                    plan.weightBytes(),
                    Cudnn.at(call.dweights),
                    plan.workspaceBytes(),
                    Cudnn.at(call.workspace),
                    plan.keptBytes(),
                    Cudnn.at(call.kept));
            Cudnn.check("cudnnRNNBackwardWeights_v8", call, status);
        }
    }

    @Override
    public void close() {
        for (CudnnLstmPlan plan : plans.values()) {
            if (plan != null) {
                plan.close();
            }
        }
        plans.clear();
    }
}
