package cloze.train;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;

/** The loss function of a run, with the data that it is computed on. For one thread at a time; its maker closes it. */
public interface Objective extends AutoCloseable {
    /** The parameters that the loss depends on. */
    Parameters parameters();

    /**
     * The mean loss of one micro-batch, a scalar.
     *
     * @param tape of the whole computation; its scope owns the batch too
     * @param microBatch 0, 1, ... over the whole run; it alone decides which data are used, so that a run can resume
     */
    Tensor loss(Tape tape, long microBatch);

    /**
     * Copies the data of a micro-batch to the device, which may still compute on those before it; {@link #loss} then finds
     * them there. It only saves time, and need not be called.
     *
     * @param scope outlives the step
     */
    default void prefetch(Backend backend, Scope scope, long microBatch) {}

    /** The amount of data in a micro-batch, in {@link #unit}s. */
    long unitsPerMicroBatch();

    /** The unit in which speed is counted: "tokens", "images". */
    String unit();

    /** Ends the threads that read data ahead, if there are any. */
    @Override
    default void close() {}
}
