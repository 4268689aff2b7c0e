package cloze.train;

import cloze.backend.Backend;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.Map;
import java.util.SequencedMap;

/**
 * The steps of a run: computing the loss and updating the weights. {@link TapeStep} is the one for models that a tape
 * differentiates; kernels that update their tables in place, and several devices that add up their gradients between
 * {@link #compute} and {@link #update}, are others. For one thread at a time.
 */
public interface Step {
    /**
     * The result of {@link #compute}.
     *
     * @param gradientNorm of the mean gradient, before clipping
     */
    record Outcome(double loss, double gradientNorm) {
        public boolean finite() {
            return Double.isFinite(loss) && Double.isFinite(gradientNorm);
        }
    }

    /** Makes the steps of a run on its device. */
    @FunctionalInterface
    interface Maker {
        /** @param scope owns moments, averages and prefetched data */
        Step make(Backend backend, Scope scope);
    }

    /** Computes the loss and the gradients of step 0, 1, .... */
    Outcome compute(long step);

    /** Updates the weights after {@link #compute}. A step that is skipped is not updated. */
    void update(long step, Outcome outcome);

    /** The exception for an outcome that is not finite; it names the first tensor with such a value where it can. */
    NonFiniteException explain(long step, Outcome outcome);

    /** The learning rate of a step. */
    double learningRate(long step);

    /** The amount of data in a step, in {@link #unit}s. */
    long units();

    /** The unit in which speed is counted: "tokens", "images". */
    String unit();

    /** Runs work with the weights that are saved as the model: their average, if there is one. */
    void whileAveraged(Runnable work);

    /** The weights that are saved as the model, by name: their average, if there is one. */
    SequencedMap<String, Tensor> model();

    /** All other tensors that an exact resume needs, by name. */
    SequencedMap<String, Tensor> state();

    /** The number of updates so far. */
    long updates();

    /** Continues after this many updates, once {@link #model} and {@link #state} have been restored. */
    void resumeAt(long updates);

    /** Values that must be unchanged when a run resumes, by name. */
    Map<String, String> identity();
}
