package cloze.train;

/** Shows now and then what the model makes. */
@FunctionalInterface
public interface Preview {
    /**
     * A text, or the name of a picture in the run's folder.
     *
     * @param step after which it is made; may seed it
     */
    String show(long step);
}
