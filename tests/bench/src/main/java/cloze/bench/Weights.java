package cloze.bench;

/** The values of a model's parameters, by name. */
@FunctionalInterface
public interface Weights {
    float[] of(String name);
}
