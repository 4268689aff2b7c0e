package cloze.measure;

import cloze.op.Activation;
import cloze.op.Add;
import cloze.op.DropPath;
import cloze.op.Dropout;
import cloze.op.DropoutKey;
import cloze.op.Embedding;
import cloze.op.Gelu;
import cloze.op.LayerNorm;
import cloze.op.MaskedSoftmax;
import cloze.op.RmsNorm;
import cloze.op.SoftTargetCrossEntropy;
import cloze.op.SoftmaxCrossEntropy;
import cloze.op.SwiGlu;
import java.util.List;
import java.util.Locale;

/** Ops that move bytes, with their least cost: each input read and each result written once, nothing kept in caches. */
final class Subjects {
    private static final float EPSILON = 1e-5f;
    private static final int I32 = Integer.BYTES;

    private Subjects() {}

    static String shape(int n, int d) {
        return String.format(Locale.ROOT, "%d x %d", n, d);
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

    /**
     * With a mask that hides nothing, which is read nevertheless: in bf16 half of the bytes forward are the mask's.
     */
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

    /** Stochastic depth of a block's output: samples that are dropped are written but not read. */
    static Subject dropPath(int b, int t, int d) {
        float rate = 0.1f;
        return new Subject("DropPath", String.format(Locale.ROOT, "B%d T%d D%d", b, t, d), in -> {
            var op = new DropPath(in.real("x", b, t, d), new DropoutKey(rate, 1, 0));
            Cost cost = bytes(in, 2 - rate, b * t, d);
            return in.both(op, cost, cost);
        });
    }

    /** Positions [T, D] that every sequence shares. */
    static Subject add(int b, int t, int d) {
        return new Subject("Add", String.format(Locale.ROOT, "B%d T%d D%d", b, t, d), in -> {
            Cost cost = bytes(in, 1, (2 * b + 1) * t, d);
            return in.both(new Add(in.real("x", b, t, d), in.real("y", t, d)), cost, cost);
        });
    }

    /**
     * Forward computes loss and gradient together, in place: from the second call on the logits are gradients. Backward
     * scales them by the gradient of the loss, here -1, which keeps their size. Rows are of whole packs of 16 bytes, as
     * a padded table makes them.
     */
    static Subject crossEntropy(int n, int v) {
        int columns = Math.ceilDiv(v, 8) * 8;
        return new Subject("SoftmaxCrossEntropy", shape(n, v), in -> {
            var op = new SoftmaxCrossEntropy(in.real("logits", n, columns), in.ids("targets", v, n), v);
            Cost cost = bytes(in, 2, n, v);
            return List.of(in.forward(op, cost), in.backward(op, in.constant("dloss", -1, 1), cost));
        });
    }

    /** Targets are as large as the logits. */
    static Subject softTargets(int n, int v) {
        return new Subject("SoftTargetCrossEntropy", shape(n, v), in -> {
            var op = new SoftTargetCrossEntropy(in.real("logits", n, v), in.real("targets", n, v));
            return in.both(op, bytes(in, 2, n, v), bytes(in, 3, n, v));
        });
    }

    /** Backward writes the gradient of the whole table, in f32. */
    static Subject embedding(int b, int t, int v, int d) {
        return new Subject("Embedding", String.format(Locale.ROOT, "B%d T%d V%d D%d", b, t, v, d), in -> {
            var op = new Embedding(in.ids("ids", v, b, t), in.real("table", v, d), in.real("positions", t, d), null);
            double tables = 4.0 * (v + t) * d;
            return in.both(op, bytes(in, 2, b * t, d), Cost.ofBytes(tables + (double) in.bytes() * b * t * d));
        });
    }

    /** The cost of reading or writing [n, d] activations that many times. */
    static Cost bytes(Inputs in, double times, int n, int d) {
        return Cost.ofBytes(times * in.bytes() * n * d);
    }
}
