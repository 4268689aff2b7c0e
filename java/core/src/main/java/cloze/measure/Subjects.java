package cloze.measure;

import cloze.op.Activation;
import cloze.op.Attention;
import cloze.op.AttentionMask;
import cloze.op.Dropout;
import cloze.op.DropoutKey;
import cloze.op.Embedding;
import cloze.op.Gelu;
import cloze.op.Heads;
import cloze.op.LayerNorm;
import cloze.op.MaskedSoftmax;
import cloze.op.MatMul;
import cloze.op.RmsNorm;
import cloze.op.Rope;
import cloze.op.SoftmaxCrossEntropy;
import cloze.op.SwiGlu;
import cloze.tensor.Tensor;
import java.util.List;

/** Ops with their least cost: what is read and written once, with nothing kept in caches between calls. */
final class Subjects {
    private static final float EPSILON = 1e-5f;
    private static final int I32 = Integer.BYTES;

    private Subjects() {}

    private static String shape(int n, int d) {
        return "%d x %d".formatted(n, d);
    }

    /** Backward has five products where forward has two. */
    static Subject attention(int b, int heads, int t, int width, boolean causal) {
        String shape = "B%d H%d T%d K%d%s".formatted(b, heads, t, width, causal ? " causal" : "");
        double flops = 4.0 * b * heads * t * t * width / (causal ? 2 : 1);
        return new Subject("Attention", shape, in -> {
            Heads all = Heads.of(heads, width);
            Tensor qkv = in.real("qkv", b, t, all.fused());
            AttentionMask mask = causal ? new AttentionMask.Causal() : new AttentionMask.None();
            return in.both(new Attention(qkv, all, mask), Cost.ofFlops(flops), Cost.ofFlops(2.5 * flops));
        });
    }

    /** [n, k] times [m, k] transposed, with a bias. */
    static Subject linear(int n, int m, int k) {
        double flops = 2.0 * n * m * k;
        return new Subject("MatMul", "%d x %d x %d".formatted(n, m, k), in -> {
            var op = new MatMul(in.real("x", n, k), in.real("weight", m, k), in.single("bias", m), Activation.NONE);
            return in.both(op, Cost.ofFlops(flops), Cost.ofFlops(2 * flops));
        });
    }

    /** Forward alone: backward overwrites what reaches it. */
    static Subject linearGelu(int n, int m, int k) {
        return new Subject("MatMul+GELU", "%d x %d x %d".formatted(n, m, k), in -> {
            var op =
                    new MatMul(in.real("x", n, k), in.real("weight", m, k), in.single("bias", m), Activation.GELU_TANH);
            return List.of(in.forward(op, Cost.ofFlops(2.0 * n * m * k)));
        });
    }

    static Subject layerNorm(int n, int d) {
        return new Subject("LayerNorm", shape(n, d), in -> {
            var op = new LayerNorm(in.real("x", n, d), in.single("weight", d), in.single("bias", d), EPSILON);
            return in.both(op, bytes(in, 2, n, d), bytes(in, 3, n, d));
        });
    }

    static Subject residualLayerNorm(int n, int d) {
        return new Subject("Residual+LayerNorm", shape(n, d), in -> {
            var op = new LayerNorm(
                    in.real("x", n, d),
                    in.real("residual", n, d),
                    in.single("weight", d),
                    in.single("bias", d),
                    EPSILON);
            return in.both(op, bytes(in, 4, n, d), bytes(in, 3, n, d));
        });
    }

    static Subject rmsNorm(int n, int d) {
        return new Subject("RmsNorm", shape(n, d), in -> {
            var op = new RmsNorm(in.real("x", n, d), in.single("weight", d), EPSILON);
            return in.both(op, bytes(in, 2, n, d), bytes(in, 3, n, d));
        });
    }

    /** With a mask that hides nothing, which is read all the same: in bf16 half of the bytes forward are the mask's. */
    static Subject softmax(int n, int k) {
        return new Subject("MaskedSoftmax", shape(n, k), in -> {
            var op = new MaskedSoftmax(in.real("scores", n, k), in.same("mask", 1, n, k));
            return in.both(op, Cost.ofBytes((2.0 * in.bytes() + I32) * n * k), bytes(in, 3, n, k));
        });
    }

    static Subject gelu(int n, int d) {
        return new Subject("Gelu", shape(n, d), in -> {
            var op = new Gelu(in.real("x", n, d), Activation.GELU_TANH);
            return in.both(op, bytes(in, 2, n, d), bytes(in, 3, n, d));
        });
    }

    /** @param f width of the result, half of the input's */
    static Subject swiGlu(int n, int f) {
        return new Subject("SwiGlu", shape(n, f), in -> {
            var op = new SwiGlu(in.real("x", n, 2 * f));
            return in.both(op, bytes(in, 3, n, f), bytes(in, 5, n, f));
        });
    }

    static Subject dropout(int n, int d) {
        return new Subject("Dropout", shape(n, d), in -> {
            var op = new Dropout(in.real("x", n, d), new DropoutKey(0.1f, 1, 0));
            return in.both(op, bytes(in, 2, n, d), bytes(in, 2, n, d));
        });
    }

    /**
     * Loss and gradient in one, in place: from the second call on the logits are gradients. Rows are of whole packs of 16
     * bytes, as a padded table makes them.
     */
    static Subject crossEntropy(int n, int v) {
        int columns = Math.ceilDiv(v, 8) * 8;
        return new Subject("SoftmaxCrossEntropy", shape(n, v), in -> {
            var op = new SoftmaxCrossEntropy(in.real("logits", n, columns), in.ids("targets", v, n), v);
            return List.of(in.forward(op, bytes(in, 2, n, v)));
        });
    }

    /** Backward writes the gradient of the whole table, in f32. */
    static Subject embedding(int b, int t, int v, int d) {
        return new Subject("Embedding", "B%d T%d V%d D%d".formatted(b, t, v, d), in -> {
            var op = new Embedding(in.ids("ids", v, b, t), in.real("table", v, d), in.real("positions", t, d), null);
            double tables = 4.0 * (v + t) * d;
            return in.both(op, bytes(in, 2, b * t, d), Cost.ofBytes(tables + (double) in.bytes() * b * t * d));
        });
    }

    static Subject rope(int b, int heads, int t, int width) {
        return new Subject("Rope", "B%d H%d T%d K%d".formatted(b, heads, t, width), in -> {
            Heads all = Heads.of(heads, width);
            var op = new Rope(in.real("qkv", b, t, all.fused()), all, null, 1e4f);
            return in.both(op, bytes(in, 2, b * t, all.fused()), bytes(in, 2, b * t, all.fused()));
        });
    }

    /** So many reads and writes of [n, d] activations. */
    static Cost bytes(Inputs in, double times, int n, int d) {
        return Cost.ofBytes(times * in.bytes() * n * d);
    }
}
