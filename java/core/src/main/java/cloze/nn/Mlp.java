package cloze.nn;

import cloze.autograd.Tape;
import cloze.op.Activation;
import cloze.op.SwiGlu;
import cloze.tensor.Tensor;

/** The position-wise network of a transformer block: {@code contract(activation(expand(x)))}. */
public record Mlp(Linear expand, Linear contract, Kind kind) {
    /** The activation between the two linear layers. */
    public enum Kind {
        GELU_ERF,
        GELU_TANH,
        /** The gated unit: {@code expand} makes gate and value. */
        SWIGLU;

        /**
         * F, the width between the linear layers, as in the papers: 4 D, or 8/3 D for the gated unit in steps of 32.
         */
        public int hidden(int width) {
            return this == SWIGLU ? Math.ceilDiv(8 * width, 3 * 32) * 32 : 4 * width;
        }

        /** Width of the output of {@code expand}. */
        public int expanded(int width) {
            return this == SWIGLU ? 2 * hidden(width) : hidden(width);
        }
    }

    /** @param x [..., D] */
    public Tensor forward(Tape tape, Tensor x) {
        Tensor hidden = switch (kind) {
            case GELU_ERF -> expand.forward(tape, x, Activation.GELU_ERF);
            case GELU_TANH -> expand.forward(tape, x, Activation.GELU_TANH);
            case SWIGLU -> tape.apply(new SwiGlu(expand.forward(tape, x)));
        };
        return contract.forward(tape, hidden);
    }
}
