package cloze.bench;

import java.util.Locale;

/** An op and its extents, with what its forward and backward pass cost at the least. */
public sealed interface OpShape {
    String label();

    /** Operations of forward and backward; 0 where memory is the limit. */
    default double flops() {
        return 0;
    }

    /** Bytes that forward and backward read and write at the least; 0 where arithmetic is the limit. */
    default double bytes() {
        return 0;
    }

    /** How much faster than libtorch this should be; 0 for no goal. */
    default double goal() {
        return 0;
    }

    /** Self-attention of b sequences of t tokens with heads of that width. */
    record Attention(int b, int heads, int t, int width, boolean causal) implements OpShape {
        @Override
        public String label() {
            return String.format(
                    Locale.ROOT, "attention B%d H%d T%d K%d%s", b, heads, t, width, causal ? " causal" : "");
        }

        /** Backward has five matrix multiplications where forward has two. */
        @Override
        public double flops() {
            return 3.5 * 4.0 * b * heads * t * t * width / (causal ? 2 : 1);
        }

        @Override
        public double goal() {
            return 2;
        }
    }

    /** Over the last axis of [n, k]. */
    record Softmax(int n, int k) implements OpShape {
        @Override
        public String label() {
            return String.format(Locale.ROOT, "softmax %dx%d", n, k);
        }

        @Override
        public double bytes() {
            return 20.0 * n * k;
        }

        @Override
        public double goal() {
            return 2;
        }
    }

    /** Over the last axis of [n, d]. */
    record LayerNorm(int n, int d) implements OpShape {
        @Override
        public String label() {
            return String.format(Locale.ROOT, "LayerNorm %dx%d", n, d);
        }

        @Override
        public double bytes() {
            return 20.0 * n * d;
        }

        @Override
        public double goal() {
            return 2;
        }
    }

    /** Of n x d elements. */
    record Gelu(int n, int d, boolean tanh) implements OpShape {
        @Override
        public String label() {
            return String.format(Locale.ROOT, "GELU %s %dx%d", tanh ? "tanh" : "erf", n, d);
        }

        @Override
        public double bytes() {
            return 20.0 * n * d;
        }

        @Override
        public double goal() {
            return tanh ? 4 : 0;
        }
    }

    /** Of n rows over v classes. */
    record CrossEntropy(int n, int v) implements OpShape {
        @Override
        public String label() {
            return String.format(Locale.ROOT, "cross-entropy %dx%d", n, v);
        }

        @Override
        public double bytes() {
            return 8.0 * n * v;
        }

        @Override
        public double goal() {
            return 8;
        }
    }

    /** One update of that many parameters. */
    record AdamW(int parameters) implements OpShape {
        @Override
        public String label() {
            return String.format(Locale.ROOT, "AdamW %.2f M", parameters / 1e6);
        }

        @Override
        public double bytes() {
            return 28.0 * parameters;
        }

        @Override
        public double goal() {
            return 1;
        }
    }

    /** [n, k] times [m, k] transposed, with a bias. */
    record Linear(int n, int m, int k) implements OpShape {
        @Override
        public String label() {
            return String.format(Locale.ROOT, "linear %dx%dx%d", n, m, k);
        }

        @Override
        public double flops() {
            return 6.0 * n * m * k;
        }
    }

    /** A layer over b sequences of t tokens. */
    record Lstm(int b, int t, int in, int hidden) implements OpShape {
        @Override
        public String label() {
            return String.format(Locale.ROOT, "LSTM B%d T%d C%d H%d", b, t, in, hidden);
        }

        @Override
        public double flops() {
            return 24.0 * b * t * hidden * (in + hidden);
        }

        @Override
        public double goal() {
            return 1;
        }
    }
}
