package cloze.nn;

import cloze.autograd.Tape;
import cloze.op.Activation;
import cloze.op.MatMul;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * {@code activation(x weight^T + bias)}.
 *
 * @param weight [out, in]
 * @param bias [out], or null
 */
public record Linear(Tensor weight, @Nullable Tensor bias) {
    public static Linear of(ParameterSource p, int in, int out, boolean bias, Init init) {
        return new Linear(
                p.parameter("weight", new Shape(out, in), Role.MATRIX, init),
                bias ? p.parameter("bias", new Shape(out), Role.VECTOR, Init.zeros()) : null);
    }

    /** @param x [..., in] */
    public Tensor forward(Tape tape, Tensor x) {
        return forward(tape, x, Activation.NONE);
    }

    public Tensor forward(Tape tape, Tensor x, Activation activation) {
        return tape.apply(new MatMul(x, weight, bias, activation));
    }
}
