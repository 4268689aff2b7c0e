package cloze.optim;

import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.SequencedMap;

/** Changes the parameters of a model by their gradients. */
public sealed interface Optimizer permits AdamW, Muon {
    /** What to run and with which numbers. */
    sealed interface Config permits AdamW.Config, LayerDecay, Muon.Config {
        /** At the peak of the schedule. */
        double learningRate();

        /** @param scope owns the moments */
        Optimizer create(Backend backend, Scope scope, Parameters parameters);
    }

    /**
     * One update of every parameter.
     *
     * @param rateFactor of the peak learning rates, from a {@link Schedule}
     * @param gradientScale factor of all gradients: one over the number of micro-batches, and clipping
     */
    void step(double rateFactor, double gradientScale);

    /** Updates done so far. */
    long updates();

    /** Goes on after so many updates; the moments are restored by writing {@link #state}. */
    void resumeAt(long updates);

    /** The moments, a tensor for each parameter that has them, by names that do not depend on the buffers' layout. */
    SequencedMap<String, Tensor> state();

    /** Bytes of all moments and what else the optimiser holds. */
    long bytes();
}
