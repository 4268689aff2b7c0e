package cloze.train;

/** Shows now and then what the model makes. */
@FunctionalInterface
public interface Sampling {
    /** @param step after which it is made: may seed it */
    String sample(long step);
}
