package cloze.train;

/** Makes samples of the model's output during training. */
@FunctionalInterface
public interface Preview {
    /**
     * A text, or the name of a picture in the run's folder.
     *
     * @param step after which it is made; may seed it
     */
    String show(long step);
}
