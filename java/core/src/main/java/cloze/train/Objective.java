package cloze.train;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;

/** What a run minimises. */
public interface Objective {
    Parameters parameters();

    /**
     * The mean loss of one micro-batch, a scalar.
     *
     * @param tape of the whole computation; its scope owns the batch too
     * @param microBatch 0, 1, ... over the whole run; it alone decides which data are used, so that a run can resume
     */
    Tensor loss(Tape tape, long microBatch);

    /**
     * Brings the data of a micro-batch to the device, which may still compute on those before it; {@link #loss} then finds
     * them there. A help for speed: it need not be called, nor do anything.
     *
     * @param scope outlives the step
     */
    default void prefetch(Backend backend, Scope scope, long microBatch) {}

    /** How much data a micro-batch holds, in {@link #unit}s. */
    long unitsPerMicroBatch();

    /** What speed is counted in: "tokens", "images". */
    String unit();
}
