package cloze.nn;

import cloze.tensor.Shape;
import cloze.tensor.Tensor;

/** Creates the parameters of a model's layers while the model is built. */
public interface ParameterSource {
    /** @param name unique within the model, dotted as in the checkpoints of the field */
    Tensor parameter(String name, Shape shape, Role role, Init init);

    /**
     * Pads a {@link Role#TABLE} of this source with rows of zeros to a multiple of 8 rows. Gradients flow to the
     * parameter's own rows; the gradient of the padding must be 0. Results of a matrix multiplication with it have rows
     * that are a multiple of 16 bytes, as matrix units require.
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
