package cloze.op;

import java.util.function.DoubleUnaryOperator;

/**
 * Attention and its gradient in three loops, where all that a naive computation stores is what {@code storing} makes of
 * it: probabilities, results and slopes, between exact sums. In float64, if that is nothing.
 */
final class NaiveAttention {
    /** @param keep [B, T], 1 keeps; read if the mask is one of padding */
    record Problem(int b, int t, Heads heads, String mask, DropoutKey dropout, Array64 qkv, Array64 keep, Array64 dy) {
        private static final int WINDOW = 5;

        AttentionMask mask(cloze.tensor.Tensor kept) {
            return switch (mask) {
                case "none" -> new AttentionMask.None();
                case "causal" -> new AttentionMask.Causal();
                case "padding" -> new AttentionMask.KeyPadding(kept);
                case "causal padding" -> new AttentionMask.CausalKeyPadding(kept);
                case "window" -> new AttentionMask.Window(WINDOW, false);
                case "causal window" -> new AttentionMask.Window(WINDOW, true);
                default -> throw new IllegalArgumentException(mask);
            };
        }

        private boolean sees(int sample, int query, int key) {
            return (!mask.contains("causal") || key <= query)
                    && (!mask.contains("window") || Math.abs(query - key) < WINDOW)
                    && (!mask.contains("padding") || keep.intAt(sample * t + key) == 1);
        }

        private double kept(int row, int key) {
            if (dropout.rate() == 0) {
                return 1;
            }
            float u = Philox.uniform(dropout.seed(), dropout.offset(), key / 4, row, key % 4);
            return u >= dropout.rate() ? 1 / (1.0 - dropout.rate()) : 0;
        }
    }

    private final Problem problem;
    private final DoubleUnaryOperator storing;
    final double[] y;
    final double[] lse;
    final double[] dqkv;

    NaiveAttention(Problem problem, DoubleUnaryOperator storing) {
        this.problem = problem;
        this.storing = storing;
        Heads heads = problem.heads;
        y = new double[problem.b * problem.t * heads.inner()];
        lse = new double[problem.b * heads.queries() * problem.t];
        dqkv = new double[problem.qkv.size()];
        for (int row = 0; row < lse.length; row++) {
            row(row);
        }
        for (int i = 0; i < dqkv.length; i++) {
            dqkv[i] = stored(dqkv[i]);
        }
    }

    private double stored(double x) {
        return storing.applyAsDouble(x);
    }

    /** One query of one head. */
    private void row(int row) {
        Heads heads = problem.heads;
        int t = problem.t;
        int width = heads.width();
        int sample = row / t / heads.queries();
        int head = row / t % heads.queries();
        int query = (sample * t + row % t) * heads.fused() + head * width;
        int keys =
                sample * t * heads.fused() + (heads.queries() + head / (heads.queries() / heads.keyValues())) * width;
        int result = (sample * t + row % t) * heads.inner() + head * width;
        double scale = 1 / Math.sqrt(width);
        var p = new double[t];
        for (int j = 0; j < t; j++) {
            p[j] = problem.sees(sample, row % t, j)
                    ? dot(problem.qkv, query, problem.qkv, keys + j * heads.fused(), width) * scale
                    : Double.NEGATIVE_INFINITY;
        }
        lse[row] = AttentionTest.softmax(p);
        double delta = 0;
        for (int j = 0; j < t; j++) {
            p[j] = stored(p[j]);
            int value = keys + j * heads.fused() + heads.keyValues() * width;
            double weight = stored(p[j] * problem.kept(row, j));
            for (int c = 0; c < width && weight != 0; c++) {
                y[result + c] += weight * problem.qkv.at(value + c);
                dqkv[value + c] += weight * problem.dy.at(result + c);
            }
        }
        for (int c = 0; c < width; c++) {
            y[result + c] = stored(y[result + c]);
            delta += y[result + c] * problem.dy.at(result + c);
        }
        for (int j = 0; j < t; j++) {
            if (p[j] != 0) {
                int key = keys + j * heads.fused();
                double dp = stored(dot(problem.dy, result, problem.qkv, key + heads.keyValues() * width, width));
                double ds = stored(p[j] * (dp * problem.kept(row, j) - delta)) * scale;
                for (int c = 0; c < width; c++) {
                    dqkv[query + c] += ds * problem.qkv.at(key + c);
                    dqkv[key + c] += ds * problem.qkv.at(query + c);
                }
            }
        }
    }

    private static double dot(Array64 x, int i, Array64 y, int j, int width) {
        double sum = 0;
        for (int c = 0; c < width; c++) {
            sum += x.at(i + c) * y.at(j + c);
        }
        return sum;
    }
}
