package cloze.train;

import cloze.autograd.Tape;
import cloze.nn.Parameters;
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

    /** How much data a micro-batch holds, in {@link #unit}s. */
    long unitsPerMicroBatch();

    /** What speed is counted in: "tokens", "images". */
    String unit();
}
