package cloze.stat;

/**
 * Batch normalisation without weight and bias, with the statistics of the training features:
 * {@code (x - mean) / sqrt(variance + 1e-6)}.
 *
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, appendix A.1, linear probing</a>
 */
public final class Standardization {
    private static final double EPSILON = 1e-6;

    private final double[] mean;
    private final double[] scale;

    private Standardization(double[] mean, double[] scale) {
        this.mean = mean;
        this.scale = scale;
    }

    public static Standardization of(Features features) {
        int width = features.width();
        float[] values = features.values();
        double[] mean = new double[width];
        double[] scale = new double[width];
        for (int i = 0; i < values.length; i += width) {
            for (int d = 0; d < width; d++) {
                mean[d] += values[i + d];
            }
        }
        for (int d = 0; d < width; d++) {
            mean[d] /= features.count();
        }
        for (int i = 0; i < values.length; i += width) {
            for (int d = 0; d < width; d++) {
                double off = values[i + d] - mean[d];
                scale[d] += off * off;
            }
        }
        for (int d = 0; d < width; d++) {
            scale[d] = 1 / Math.sqrt(scale[d] / features.count() + EPSILON);
        }
        return new Standardization(mean, scale);
    }

    /** Rows {@code from} up to {@code to}, [to - from, D]. */
    public float[] apply(Features features, int from, int to) {
        int width = features.width();
        float[] values = features.values();
        float[] rows = new float[(to - from) * width];
        for (int i = 0; i < rows.length; i += width) {
            for (int d = 0; d < width; d++) {
                rows[i + d] = (float) ((values[from * width + i + d] - mean[d]) * scale[d]);
            }
        }
        return rows;
    }
}
