package cloze.nn;

import cloze.autograd.Tape;
import cloze.op.DropPath;
import cloze.op.Dropout;
import cloze.tensor.Tensor;

/**
 * A pre-norm transformer block, {@code s = x + attention(norm1(x)); s + mlp(norm2(s))}. The last sum is left to the
 * norm that follows.
 *
 * @param dropout of the outputs of the attention and the mlp
 * @param dropPath share of the samples whose attention output is dropped; the same for the mlp
 */
public record Block(Norm norm1, SelfAttention attention, Norm norm2, Mlp mlp, float dropout, float dropPath) {
    /** Without stochastic depth. */
    public Block(Norm norm1, SelfAttention attention, Norm norm2, Mlp mlp, float dropout) {
        this(norm1, attention, norm2, mlp, dropout, 0);
    }

    public Norm.Residual forward(Tape tape, Norm.Residual stream, SelfAttention.View view) {
        Norm.Normed before = norm1.forward(tape, stream);
        Tensor attended = drop(tape, attention.forward(tape, before.y(), view));
        Norm.Normed between = norm2.forward(tape, new Norm.Residual(before.stream(), attended));
        return new Norm.Residual(between.stream(), drop(tape, mlp.forward(tape, between.y())));
    }

    private Tensor drop(Tape tape, Tensor x) {
        if (!tape.recording()) {
            return x;
        }
        Tensor kept = dropout > 0 ? tape.apply(new Dropout(x, tape.dropout(dropout))) : x;
        return dropPath > 0 ? tape.apply(new DropPath(kept, tape.dropout(dropPath))) : kept;
    }
}
