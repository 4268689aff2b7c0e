package cloze.train;

import cloze.backend.Backend;
import cloze.backend.Precision;
import cloze.backend.ShapeBackend;
import cloze.optim.Ema;
import cloze.tensor.OutOfMemoryException;
import cloze.tensor.Scope;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Locale;

/**
 * The bytes that a run takes on its device, measured by a step on a backend that allocates but does not compute. Exact
 * for a step, and for a run whose evaluation and sampling take less than a step.
 *
 * @param activations peak of a step beyond the other parts, with the pool's unused bytes
 */
public record MemoryEstimate(long weights, long gradients, long optimizer, long average, long activations) {
    /** Makes the objective as the run does. */
    @FunctionalInterface
    public interface Model {
        /** @param scope owns the parameters */
        Objective on(Backend backend, Scope scope);
    }

    public static MemoryEstimate of(Model model, TrainingConfig config) {
        return of(model, config, Precision.FP32);
    }

    public static MemoryEstimate of(Model model, TrainingConfig config, Precision precision) {
        try (var backend = new ShapeBackend(precision);
                Scope lasting = backend.memory().scope("model")) {
            Objective objective = model.on(backend, lasting);
            var step = new TapeStep(backend, lasting, objective, config);
            step.update(0, step.compute(0));
            step.whileAveraged(() -> {});
            objective.close();
            Ema ema = step.ema();
            long weights = step.parameters().weights().bytes();
            long gradients = step.parameters().gradients().bytes();
            long optimizer = step.optimizer().bytes();
            long average = ema == null ? 0 : ema.bytes();
            long rest = backend.memory().peakBytes() - weights - gradients - optimizer - average;
            return new MemoryEstimate(weights, gradients, optimizer, average, rest);
        }
    }

    public long total() {
        return weights + gradients + optimizer + average + activations;
    }

    /** Bytes of this machine, or of the container in which it runs. */
    public static long machineMemory() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    }

    /**
     * Checks that the run fits.
     *
     * @param budget from {@code --memory}, {@link Long#MAX_VALUE} for none
     * @param machine bytes of the device
     * @throws OutOfMemoryException with all numbers, if it does not
     */
    public void require(long budget, long machine) {
        if (total() > budget) {
            throw tooMuch("--memory allows " + bytes(budget), "raise --memory, or ");
        }
        if (total() > machine) {
            throw tooMuch("the machine has " + bytes(machine), "");
        }
    }

    /**
     * Checks that the run fits the device on which its model has been made.
     *
     * @throws OutOfMemoryException with all numbers, if it does not
     */
    public void require(Backend backend) {
        Backend.Capacity capacity = backend.capacity();
        require(backend.memory().budget(), capacity == null ? machineMemory() : Long.MAX_VALUE);
        if (capacity != null && total() > capacity.bytes()) {
            throw tooMuch(capacity.words(), "");
        }
    }

    private OutOfMemoryException tooMuch(String limit, String raise) {
        return new OutOfMemoryException(String.format(
                Locale.ROOT,
                "training needs %s, but %s: %slower the batch size and raise the number of micro-batches",
                this,
                limit,
                raise));
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%s (weights %s, gradients %s, optimizer %s, %sactivations %s)",
                bytes(total()),
                bytes(weights),
                bytes(gradients),
                bytes(optimizer),
                average == 0 ? "" : "average " + bytes(average) + ", ",
                bytes(activations));
    }

    private static String bytes(long bytes) {
        double mebibytes = bytes / 1048576.0;
        return mebibytes < 1024
                ? String.format(Locale.ROOT, "%.1f MiB", mebibytes)
                : String.format(Locale.ROOT, "%.2f GiB", mebibytes / 1024);
    }
}
