package cloze.bench;

/** A model that is trained on one batch, again and again. */
public interface TrainStep extends AutoCloseable {
    /**
     * Forward, backward and an update of the weights.
     *
     * @return the loss before the update
     */
    float run();

    @Override
    void close();
}
