package cloze.nn;

import cloze.autograd.Tape;
import cloze.op.Attention;
import cloze.op.AttentionMask;
import cloze.op.CachedAttention;
import cloze.op.Heads;
import cloze.op.Rope;
import cloze.tensor.Tensor;

/**
 * Self-attention with fused query, key and value weights, {@code projection(attention(qkv(x)))}.
 *
 * @param theta base of the rotary positions, 0 for none
 * @param dropout of the probabilities
 */
public record SelfAttention(Linear qkv, Linear projection, Heads heads, float theta, float dropout) {
    /** The tokens that a token of a batch attends to. */
    public sealed interface View {
        /** The tokens of the batch, under a mask. */
        record Batch(AttentionMask mask) implements View {}

        /** The tokens before them in a cache; for inference. */
        record Cache(KeyValueCache.Layer layer) implements View {}
    }

    /** @param x [B, T, D] */
    public Tensor forward(Tape tape, Tensor x, View view) {
        Tensor fused = qkv.forward(tape, x);
        Tensor y = switch (view) {
            case View.Batch(AttentionMask mask) -> {
                Tensor turned = theta == 0 ? fused : tape.apply(new Rope(fused, heads, null, theta));
                yield tape.apply(new Attention(turned, heads, mask, tape.dropout(dropout)));
            }
            case View.Cache(KeyValueCache.Layer layer) -> {
                Tensor turned = theta == 0 ? fused : tape.apply(new Rope(fused, heads, layer.starts(), theta));
                yield tape.apply(new CachedAttention(turned, heads, layer.starts(), layer.keys(), layer.values(), 0));
            }
        };
        return projection.forward(tape, y);
    }
}
