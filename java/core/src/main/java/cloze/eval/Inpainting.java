package cloze.eval;

import java.util.Arrays;
import java.util.Locale;

/**
 * Simple baselines that fill in hidden pixels from visible ones, and their measure: the peak signal-to-noise ratio
 * {@code 10 log10(255^2 / MSE)} over the hidden pixels alone.
 */
public final class Inpainting {
    private final int side;
    private final int channels;
    private final float[] pixels;
    private final boolean[] hidden;

    /**
     * One image.
     *
     * @param pixels [side, side, C], 0..255
     * @param hidden [side, side]
     */
    public Inpainting(int side, int channels, float[] pixels, boolean[] hidden) {
        if (pixels.length != side * side * channels || hidden.length != side * side) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "Inpainting: %d pixels and %d flags are not those of %d x %d x %d",
                    pixels.length,
                    hidden.length,
                    side,
                    side,
                    channels));
        }
        this.side = side;
        this.channels = channels;
        this.pixels = pixels.clone();
        this.hidden = hidden.clone();
    }

    /** Sum of squared errors over the hidden pixels, against {@code filled} clamped to 0..255. */
    public double squaredError(float[] filled) {
        double sum = 0;
        for (int i = 0; i < pixels.length; i++) {
            if (hidden[i / channels]) {
                double off = Math.clamp(filled[i], 0, 255) - pixels[i];
                sum += off * off;
            }
        }
        return sum;
    }

    /** The number of hidden values. */
    public long hiddenCount() {
        long count = 0;
        for (boolean each : hidden) {
            count += each ? channels : 0;
        }
        return count;
    }

    /** The ratio in dB, of squared errors summed over {@code count} numbers. */
    public static double psnr(double squaredError, long count) {
        return 10 * Math.log10(255.0 * 255 * count / squaredError);
    }

    /** Every hidden pixel is the mean of the seen ones. */
    public float[] meanColour() {
        double[] sum = new double[channels];
        long seen = 0;
        for (int i = 0; i < hidden.length; i++) {
            if (!hidden[i]) {
                seen++;
                for (int c = 0; c < channels; c++) {
                    sum[c] += pixels[i * channels + c];
                }
            }
        }
        float[] filled = pixels.clone();
        for (int i = 0; i < hidden.length; i++) {
            for (int c = 0; hidden[i] && c < channels; c++) {
                filled[i * channels + c] = (float) (sum[c] / seen);
            }
        }
        return filled;
    }

    /**
     * Every hidden pixel is a mean of all seen ones, weighted by one over their squared distance.
     *
     * @see "Shepard 1968, A two-dimensional interpolation function for irregularly-spaced data"
     */
    public float[] inverseDistance() {
        int[] seen = java.util.stream.IntStream.range(0, hidden.length)
                .filter(i -> !hidden[i])
                .toArray();
        float[] filled = pixels.clone();
        double[] sum = new double[channels];
        for (int i = 0; i < hidden.length; i++) {
            if (!hidden[i]) {
                continue;
            }
            Arrays.fill(sum, 0);
            double weights = 0;
            for (int j : seen) {
                int dy = i / side - j / side;
                int dx = i % side - j % side;
                double weight = 1.0 / (dy * dy + dx * dx);
                weights += weight;
                for (int c = 0; c < channels; c++) {
                    sum[c] += weight * pixels[j * channels + c];
                }
            }
            for (int c = 0; c < channels; c++) {
                filled[i * channels + c] = (float) (sum[c] / weights);
            }
        }
        return filled;
    }
}
