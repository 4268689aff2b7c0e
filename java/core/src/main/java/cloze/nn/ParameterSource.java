package cloze.nn;

import cloze.tensor.Shape;
import cloze.tensor.Tensor;

/** Where the layers of a model take their parameters from while the model is built. */
@FunctionalInterface
public interface ParameterSource {
    /** @param name unique within the model, dotted as in the checkpoints of the field */
    Tensor parameter(String name, Shape shape, Role role, Init init);

    /** The same source with {@code prefix} and a dot before every name. */
    default ParameterSource in(String prefix) {
        return (name, shape, role, init) -> parameter(prefix + "." + name, shape, role, init);
    }
}
