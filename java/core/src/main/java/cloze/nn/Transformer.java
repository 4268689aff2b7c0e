package cloze.nn;

import cloze.autograd.Tape;
import cloze.op.Add;
import cloze.op.AttentionMask;
import cloze.op.Heads;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Pre-norm blocks with full attention and a final norm: encoder or decoder of images. */
public final class Transformer {
    private final List<Block> blocks = new ArrayList<>();
    private final @Nullable Norm norm;

    public Transformer(ParameterSource p, String blockName, String normName, Stack stack) {
        this(p, blockName, normName, stack, 0);
    }

    /**
     * Makes the blocks.
     *
     * @param normName null for no norm at the end
     * @param dropPath of the last block; it grows linearly from 0 at the first
     */
    public Transformer(ParameterSource p, String blockName, @Nullable String normName, Stack stack, double dropPath) {
        int layers = stack.layers();
        for (int i = 0; i < layers; i++) {
            double drop = layers == 1 ? dropPath : dropPath * i / (layers - 1);
            blocks.add(block(p.in(blockName + "." + i), stack, (float) drop));
        }
        norm = normName == null ? null : norm(p.in(normName), stack);
    }

    public static Linear linear(ParameterSource p, int in, int out) {
        return Linear.of(p, in, out, true, Init.uniform(Math.sqrt(6.0 / (in + out)))); // Xavier
    }

    private static Norm norm(ParameterSource p, Stack stack) {
        return Norm.of(p, Norm.Kind.LAYER, stack.width(), stack.epsilon());
    }

    private static Block block(ParameterSource p, Stack stack, float dropPath) {
        int d = stack.width();
        Norm norm1 = norm(p.in("norm1"), stack);
        Linear qkv = linear(p.in("attn.qkv"), d, 3 * d);
        Linear projection = linear(p.in("attn.proj"), d, d);
        Norm norm2 = norm(p.in("norm2"), stack);
        Linear expand = linear(p.in("mlp.fc1"), d, 4 * d);
        Linear contract = linear(p.in("mlp.fc2"), 4 * d, d);
        Heads heads = Heads.of(stack.heads(), d / stack.heads());
        return new Block(
                norm1,
                new SelfAttention(qkv, projection, heads, 0, 0),
                norm2,
                new Mlp(expand, contract, Mlp.Kind.GELU_ERF),
                0,
                dropPath);
    }

    /** @param x [B, T, D] */
    public Tensor forward(Tape tape, Tensor x) {
        Norm.Residual stream = through(tape, x, blocks);
        return norm == null ? sum(tape, stream) : norm.forward(tape, stream).y();
    }

    private static Norm.Residual through(Tape tape, Tensor x, List<Block> blocks) {
        var view = new SelfAttention.View.Batch(new AttentionMask.None());
        var stream = new Norm.Residual(x, null);
        for (Block block : blocks) {
            stream = block.forward(tape, stream, view);
        }
        return stream;
    }

    /**
     * The queries, keys and values of the last block.
     *
     * @param x [B, T, D]
     * @return [B, T, 3 D]
     */
    public Tensor lastQkv(Tape tape, Tensor x) {
        Norm.Residual stream = through(tape, x, blocks.subList(0, blocks.size() - 1));
        Block last = blocks.getLast();
        return last.attention()
                .qkv()
                .forward(tape, last.norm1().forward(tape, stream).y());
    }

    private static Tensor sum(Tape tape, Norm.Residual stream) {
        return stream.added() == null ? stream.x() : tape.apply(new Add(stream.x(), stream.added()));
    }
}
