package cloze.train;

import java.util.Map;

/** Measures the model that is being trained. The code that creates it closes it. */
@FunctionalInterface
public interface Evaluation extends AutoCloseable {
    /** Metrics by name, in the order to print them. */
    Map<String, Double> evaluate();

    /** Releases its memory and files. */
    @Override
    default void close() {}
}
