package cloze.measure;

import cloze.op.Activation;
import cloze.op.Conv2d;
import cloze.op.Lstm;
import cloze.op.MatMul;
import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;

/** Ops that multiply by a weight: backward has two multiplications where forward has one, for the input and the weight. */
final class WeightSubjects {
    private WeightSubjects() {}

    /** [n, k] times [m, k] transposed, with a bias. */
    static Subject linear(int n, int m, int k) {
        double flops = 2.0 * n * m * k;
        return new Subject("MatMul", String.format(Locale.ROOT, "%d x %d x %d", n, m, k), in -> {
            var op = new MatMul(in.real("x", n, k), in.real("weight", m, k), in.single("bias", m), Activation.NONE);
            return in.both(op, Cost.ofFlops(flops), Cost.ofFlops(2 * flops));
        });
    }

    /** Forward alone: backward overwrites its incoming gradient. */
    static Subject linearGelu(int n, int m, int k) {
        return new Subject("MatMul+GELU", String.format(Locale.ROOT, "%d x %d x %d", n, m, k), in -> {
            var op =
                    new MatMul(in.real("x", n, k), in.real("weight", m, k), in.single("bias", m), Activation.GELU_TANH);
            return List.of(in.forward(op, Cost.ofFlops(2.0 * n * m * k)));
        });
    }

    /**
     * Images of {@code side} pixels and c channels, with a bias and {@code p / 2} zeros around them.
     *
     * @param m outputs
     * @param p side of the window, odd
     */
    static Subject conv2d(int b, int side, int c, int m, int p, int stride) {
        String shape = String.format(Locale.ROOT, "B%d S%d C%d M%d P%d stride %d", b, side, c, m, p, stride);
        return new Subject("Conv2d", shape, in -> {
            var window = Conv2d.Window.of(stride, p / 2);
            var op = new Conv2d(
                    in.real("x", b, side, side, c), in.real("weight", m, p, p, c), in.single("bias", m), window);
            Shape y = op.results(in.backend(), true).getFirst().shape();
            double flops = 2.0 * y.size() * p * p * c;
            return in.both(op, Cost.ofFlops(flops), Cost.ofFlops(2 * flops));
        });
    }

    /** Forward, and both ways together: backward may overwrite the values that forward kept. */
    static Subject lstm(int b, int t, int c, int h) {
        return new Subject("Lstm", String.format(Locale.ROOT, "B%d T%d C%d H%d", b, t, c, h), in -> {
            var op = new Lstm(
                    in.real("x", b, t, c),
                    in.real("h", b, h),
                    in.real("c", b, h),
                    in.real("input_weight", 4 * h, c),
                    in.real("hidden_weight", 4 * h, h),
                    in.single("bias", 4 * h));
            double flops = 2.0 * b * t * 4 * h * (c + h);
            List<Pass> passes = in.both(op, Cost.ofFlops(flops), Cost.ofFlops(2 * flops));
            return List.of(passes.getFirst(), Pass.together(passes));
        });
    }
}
