package cloze.train;

import cloze.backend.Backend;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.Map;
import java.util.SequencedMap;

/**
 * The steps of a run: how a loss comes about and how it changes the weights. {@link TapeStep} is the one for models that a
 * tape differentiates; kernels that update their tables in place, and several devices that add up their gradients between
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
        /** @param scope owns moments, averages and data that come ahead of their step */
        Step make(Backend backend, Scope scope);
    }

    /** Computes step 0, 1, ...: the loss, and what is needed to update the weights. */
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

    /** Runs work while the weights are those that are saved as the model: their average, if there is one. */
    void whileAveraged(Runnable work);

    /** The weights that users of the model want, by name: their average, if there is one. */
    SequencedMap<String, Tensor> model();

    /** All other tensors that an exact resume needs, by name. */
    SequencedMap<String, Tensor> state();

    /** Updates done so far. */
    long updates();

    /** Goes on after so many updates, when {@link #model} and {@link #state} have been written. */
    void resumeAt(long updates);

    /** Facts that must be the same when a run goes on, by name. */
    Map<String, String> identity();
}
