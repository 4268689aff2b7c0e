package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;

/**
 * Causal attention of new tokens over a cache of keys and values, into which their own are written first. Token i of
 * row b is at position {@code starts[b] + i}. For inference only.
 *
 * @param qkv [B, T, (H + 2 G) K]
 * @param starts [B] i32, tokens that are in the cache already, in [0, capacity - T]
 * @param keys [B, capacity, G K], written
 * @param values [B, capacity, G K], written
 * @param window as in {@link AttentionMask.Window}, 0 for none
 */
public record CachedAttention(Tensor qkv, Heads heads, Tensor starts, Tensor keys, Tensor values, int window)
        implements Op {
    public interface Forward {
        void call(
                Tensor qkv,
                Tensor starts,
                Tensor keys,
                Tensor values,
                Tensor y,
                long b,
                long t,
                long capacity,
                long heads,
                long kvHeads,
                long width,
                long window,
                float scale);
    }

    public CachedAttention {
        Check.rank("CachedAttention", "qkv", qkv, 3, "[B, T, (H + 2 G) K]");
        Check.real("CachedAttention", "qkv", qkv);
        int b = qkv.shape().extent(0);
        Check.shape("CachedAttention", "qkv", qkv, qkv, b, qkv.shape().extent(1), heads.fused());
        Check.shape("CachedAttention", "starts", starts, qkv, b);
        Check.dtype("CachedAttention", "starts", starts, DType.I32);
        Check.rank("CachedAttention", "keys", keys, 3, "[B, capacity, G K]");
        Check.shape("CachedAttention", "keys", keys, qkv, b, keys.shape().extent(1), heads.keyValues() * heads.width());
        Check.same("CachedAttention", "keys", keys, qkv);
        Check.same("CachedAttention", "values", values, qkv);
        Check.that(window >= 0, "CachedAttention", "window", "0 or more", window);
        Check.shape("CachedAttention", "values", values, keys, keys.shape().extents());
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(qkv);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        Check.that(!training, "CachedAttention", "tape", "one for inference", "recording");
        return List.of(
                new Result("y", new Shape(qkv.shape().extent(0), qkv.shape().extent(1), heads.inner()), qkv.dtype()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        qkv,
                        starts,
                        keys,
                        values,
                        r.getFirst(),
                        qkv.shape().extent(0),
                        qkv.shape().extent(1),
                        keys.shape().extent(1),
                        heads.queries(),
                        heads.keyValues(),
                        heads.width(),
                        window,
                        (float) (1 / Math.sqrt(heads.width())));
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        throw new IllegalStateException("CachedAttention is never recorded, so nothing flows back through it");
    }
}
