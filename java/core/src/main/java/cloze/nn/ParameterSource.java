package cloze.nn;

import cloze.tensor.Shape;
import cloze.tensor.Tensor;

/** Where the layers of a model take their parameters from while the model is built. */
public interface ParameterSource {
    /** @param name unique within the model, dotted as in the checkpoints of the field */
    Tensor parameter(String name, Shape shape, Role role, Init init);

    /**
     * A parameter of this source that is a {@link Role#TABLE}, with rows of zeros below its own that make their number a
     * multiple of 8. Its gradient is the parameter's, and so are the first rows of what is computed with it; of the others
     * the gradient has to be 0. A product with it has rows of whole packs of 16 bytes, which matrix units want.
     *
     * @param table [R, D]
     * @return [R rounded up, D], or {@code table} if R is a multiple already
     */
    Tensor padded(Tensor table);

    /** The same source with {@code prefix} and a dot before every name. */
    default ParameterSource in(String prefix) {
        ParameterSource all = this;
        return new ParameterSource() {
            @Override
            public Tensor parameter(String name, Shape shape, Role role, Init init) {
                return all.parameter(prefix + "." + name, shape, role, init);
            }

            @Override
            public Tensor padded(Tensor table) {
                return all.padded(table);
            }
        };
    }
}
