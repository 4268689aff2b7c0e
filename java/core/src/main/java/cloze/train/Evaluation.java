package cloze.train;

import java.util.Map;

/** Measures the model that is being trained. Its maker closes it. */
@FunctionalInterface
public interface Evaluation extends AutoCloseable {
    /** Metrics by name, in the order to print them. */
    Map<String, Double> evaluate();

    /** Frees what it holds. */
    @Override
    default void close() {}
}
