package cloze.measure;

import cloze.op.Attention;
import cloze.op.AttentionMask;
import cloze.op.CachedAttention;
import cloze.op.Heads;
import cloze.op.Rope;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Locale;

/** Ops on queries, keys and values. */
final class AttentionSubjects {
    private AttentionSubjects() {}

    private static String shape(int b, int heads, int t, int width) {
        return String.format(Locale.ROOT, "B%d H%d T%d K%d", b, heads, t, width);
    }

    /** Backward has five matrix multiplications where forward has two: it recomputes the scores. */
    static Subject attention(int b, int heads, int t, int width, boolean causal) {
        return new Subject("Attention", shape(b, heads, t, width) + (causal ? " causal" : ""), in -> {
            Heads all = Heads.of(heads, width);
            Tensor qkv = in.real("qkv", b, t, all.fused());
            AttentionMask mask = causal ? new AttentionMask.Causal() : new AttentionMask.None();
            double flops = 2.0 * Attention.multiplyAdds(b, t, t, all, mask);
            return in.both(new Attention(qkv, all, mask), Cost.ofFlops(flops), Cost.ofFlops(2.5 * flops));
        });
    }

    /** One new token of each sequence, which sees a cache that it fills up: its keys and values are read once. */
    static Subject cached(int b, int heads, int capacity, int width) {
        return new Subject("CachedAttention", shape(b, heads, capacity, width), in -> {
            Heads all = Heads.of(heads, width);
            Tensor keys = in.real("keys", b, capacity, all.inner());
            Tensor values = in.real("values", b, capacity, all.inner());
            Tensor starts = in.same("starts", capacity - 1, b);
            var op = new CachedAttention(in.real("qkv", b, 1, all.fused()), all, starts, keys, values, 0);
            // The cache, qkv in, the new key and value into the cache, and y out.
            return List.of(in.inference(op, Subjects.bytes(in, 2.0 * capacity + 6, b, all.inner())));
        });
    }

    static Subject rope(int b, int heads, int t, int width) {
        return new Subject("Rope", shape(b, heads, t, width), in -> {
            Heads all = Heads.of(heads, width);
            var op = new Rope(in.real("qkv", b, t, all.fused()), all, null, 1e4f);
            Cost cost = Subjects.bytes(in, 2, b * t, all.fused());
            return in.both(op, cost, cost);
        });
    }
}
