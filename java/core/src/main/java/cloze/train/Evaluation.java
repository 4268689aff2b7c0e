package cloze.train;

import java.util.Map;

/** Measures the model that is being trained. */
@FunctionalInterface
public interface Evaluation {
    /** Metrics by name, in the order to print them. */
    Map<String, Double> evaluate();
}
