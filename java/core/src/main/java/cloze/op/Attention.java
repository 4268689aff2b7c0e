package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Fused self-attention: {@code softmax(q k^T / sqrt(K)) v} for every head, without a T x T matrix in memory. A query
 * that sees no key gives zeros.
 *
 * @param qkv [B, T, (H + 2 G) K], all query heads, then the key heads, then the value heads
 * @param mask which keys a query sees
 * @param dropout of the probabilities, while training
 * @see <a href="https://arxiv.org/abs/2205.14135">Dao et al. 2022</a>
 */
public record Attention(Tensor qkv, Heads heads, AttentionMask mask, DropoutKey dropout) implements Op {
    public interface Forward {
        void call(
                Tensor qkv,
                @Nullable Tensor keep,
                Tensor y,
                Tensor lse,
                long b,
                long t,
                long heads,
                long kvHeads,
                long width,
                long causal,
                long window,
                float scale,
                float rate,
                long seed,
                long offset);
    }

    public interface Backward {
        void call(
                Tensor qkv,
                @Nullable Tensor keep,
                Tensor y,
                Tensor lse,
                Tensor dy,
                @Nullable Tensor dqkv,
                long b,
                long t,
                long heads,
                long kvHeads,
                long width,
                long causal,
                long window,
                float scale,
                float rate,
                long seed,
                long offset,
                long accumulate);
    }

    public Attention {
        Check.rank("Attention", "qkv", qkv, 3, "[B, T, (H + 2 G) K]");
        Check.real("Attention", "qkv", qkv);
        int b = qkv.shape().extent(0);
        int t = qkv.shape().extent(1);
        Check.shape("Attention", "qkv", qkv, qkv, b, t, heads.fused());
        Check.shape("Attention", "keep", mask.keep(), qkv, b, t);
        Check.dtype("Attention", "keep", mask.keep(), DType.I32);
    }

    /** Without dropout. */
    public Attention(Tensor qkv, Heads heads, AttentionMask mask) {
        this(qkv, heads, mask, DropoutKey.NONE);
    }

    /**
     * Multiply-adds of a forward pass: 2 K for each query head and each pair of a query and a key that it sees, K for
     * the score and K for the sum of values. A backward pass has twice as many, and half of the forward pass again
     * where the scores are recomputed.
     *
     * <p>A pair that the mask hides is not counted, see {@link AttentionMask#pairs}: T causal tokens have {@code T (T +
     * 1) / 2} pairs. The {@code 12 L D T} operations a token that papers add to {@code 6 N} for a training step count
     * the full square, for causal attention too: with {@link AttentionMask.None} they are {@code 6 L multiplyAdds / (B
     * T)}.
     *
     * @param batch B, sequences
     * @param queries of a sequence
     * @param keys of a sequence; self-attention has as many as queries
     * @param heads H and K; shared keys and values are counted once for each query head
     * @see <a href="https://arxiv.org/abs/2204.02311">Chowdhery et al. 2022, appendix B</a>
     */
    public static long multiplyAdds(long batch, long queries, long keys, Heads heads, AttentionMask mask) {
        return 2 * batch * heads.inner() * mask.pairs(queries, keys);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(qkv);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        int b = qkv.shape().extent(0);
        int t = qkv.shape().extent(1);
        return List.of(
                new Result("y", new Shape(b, t, heads.inner()), qkv.dtype()),
                new Result("lse", new Shape(b, heads.queries(), t), DType.F32));
    }

    private float scale() {
        return (float) (1 / Math.sqrt(heads.width()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        qkv,
                        mask.keep(),
                        r.get(0),
                        r.get(1),
                        qkv.shape().extent(0),
                        qkv.shape().extent(1),
                        heads.queries(),
                        heads.keyValues(),
                        heads.width(),
                        mask.causal() ? 1 : 0,
                        mask.window(),
                        scale(),
                        dropout.rate(),
                        dropout.seed(),
                        dropout.offset());
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        qkv,
                        mask.keep(),
                        r.get(0),
                        r.get(1),
                        g.of(r.get(0)),
                        to.add(qkv),
                        qkv.shape().extent(0),
                        qkv.shape().extent(1),
                        heads.queries(),
                        heads.keyValues(),
                        heads.width(),
                        mask.causal() ? 1 : 0,
                        mask.window(),
                        scale(),
                        dropout.rate(),
                        dropout.seed(),
                        dropout.offset(),
                        to.accumulate());
    }
}
