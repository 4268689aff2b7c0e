package cloze.optim;

import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.SequencedMap;

/** Updates the parameters of a model from their gradients. */
public sealed interface Optimizer permits AdamW, Muon {
    /** The optimiser and its hyperparameters. */
    sealed interface Config permits AdamW.Config, LayerDecay, Muon.Config {
        /** The learning rate at the peak of the schedule. */
        double learningRate();

        /** @param scope owns the moments */
        Optimizer create(Backend backend, Scope scope, Parameters parameters);
    }

    /**
     * Updates every parameter once.
     *
     * @param rateFactor factor of the peak learning rates, from a {@link Schedule}
     * @param gradientScale factor of all gradients: 1 / micro-batches, times the clipping factor
     */
    void step(double rateFactor, double gradientScale);

    /** Number of updates so far. */
    long updates();

    /** Continues after the given number of updates; the caller restores the moments by writing {@link #state}. */
    void resumeAt(long updates);

    /** The moments, one tensor for each parameter that has them; names do not depend on the layout of the buffers. */
    SequencedMap<String, Tensor> state();

    /** Bytes of all buffers of the optimiser. */
    long bytes();
}
