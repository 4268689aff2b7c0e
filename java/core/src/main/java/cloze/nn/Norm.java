package cloze.nn;

import cloze.autograd.Tape;
import cloze.op.LayerNorm;
import cloze.op.RmsNorm;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A norm over the last axis, with the residual sum before it. */
public sealed interface Norm {
    /** The norm of a model. */
    enum Kind {
        /** With weight and bias. */
        LAYER,
        /** LayerNorm without bias. */
        LAYER_WITHOUT_BIAS,
        RMS
    }

    static Norm of(ParameterSource p, Kind kind, int width, float epsilon) {
        Tensor weight = p.parameter("weight", new Shape(width), Role.VECTOR, Init.ones());
        return switch (kind) {
            case LAYER -> new Layer(weight, p.parameter("bias", new Shape(width), Role.VECTOR, Init.zeros()), epsilon);
            case LAYER_WITHOUT_BIAS -> new Layer(weight, null, epsilon);
            case RMS -> new Rms(weight, epsilon);
        };
    }

    Normed forward(Tape tape, Residual stream);

    /**
     * The result of a norm over a residual stream.
     *
     * @param y [..., D], normalised
     * @param stream [..., D], the sum before the norm
     */
    record Normed(Tensor y, Tensor stream) {}

    /**
     * A residual stream before its last addition, which is fused into the norm that follows.
     *
     * @param x [..., D]
     * @param added [..., D], or null
     */
    record Residual(Tensor x, @Nullable Tensor added) {
        /** As inputs of {@link Tape#block}. */
        public List<Tensor> tensors() {
            return added == null ? List.of(x) : List.of(x, added);
        }

        /** From {@link #tensors}. */
        public static Residual of(List<Tensor> tensors) {
            return new Residual(tensors.getFirst(), tensors.size() > 1 ? tensors.get(1) : null);
        }
    }

    /** {@link LayerNorm}. */
    record Layer(Tensor weight, @Nullable Tensor bias, float epsilon) implements Norm {
        @Override
        public Normed forward(Tape tape, Residual stream) {
            List<Tensor> r = tape.applyAll(new LayerNorm(stream.x(), stream.added(), weight, bias, epsilon));
            return new Normed(r.getFirst(), stream.added() == null ? stream.x() : r.get(1));
        }
    }

    /** {@link RmsNorm}. */
    record Rms(Tensor weight, float epsilon) implements Norm {
        @Override
        public Normed forward(Tape tape, Residual stream) {
            List<Tensor> r = tape.applyAll(new RmsNorm(stream.x(), stream.added(), weight, epsilon));
            return new Normed(r.getFirst(), stream.added() == null ? stream.x() : r.get(1));
        }
    }
}
