package cloze.image;

import java.util.Arrays;

/**
 * Resizes a part of a picture with the cubic convolution kernel, a = -1/2. When it shrinks a picture, it widens the
 * kernel to avoid aliasing, as image libraries and the reference recipes do. Resizes one axis after the other in
 * float32 and clamps the result to 0..255.
 *
 * @see "Keys 1981, Cubic Convolution Interpolation for Digital Image Processing"
 */
final class Bicubic {
    private static final double A = -0.5;

    /** For every output along an axis: the first input, the number of inputs, and their weights, which sum to 1. */
    private static final class Taps {
        final int[] start;
        final int[] count;
        final int most;
        final float[] weights; // [out, most]

        /** Computes the taps for {@code length} inputs; inputs outside get no weight. */
        Taps(int length, int out) {
            double scale = (double) length / out;
            double stretch = Math.max(scale, 1);
            double support = 2 * stretch;
            most = (int) Math.ceil(support) * 2 + 1;
            start = new int[out];
            count = new int[out];
            weights = new float[out * most];
            var values = new double[most];
            for (int i = 0; i < out; i++) {
                double centre = (i + 0.5) * scale;
                int first = Math.max(0, (int) Math.round(centre - support));
                int end = Math.min(length, (int) Math.round(centre + support));
                start[i] = first;
                count[i] = end - first;
                double sum = 0;
                for (int j = first; j < end; j++) {
                    values[j - first] = kernel((j + 0.5 - centre) / stretch);
                    sum += values[j - first];
                }
                for (int j = 0; j < end - first; j++) {
                    weights[i * most + j] = (float) (values[j] / sum);
                }
            }
        }
    }

    private Bicubic() {}

    private static double kernel(double t) {
        double x = Math.abs(t);
        if (x < 1) {
            return ((A + 2) * x - (A + 3)) * x * x + 1;
        }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
    }

    /** A rectangle of a picture, in pixels. */
    record Box(int y, int x, int height, int width) {}

    /**
     * Writes [side, side, C] samples in 0..255.
     *
     * @param mirrored true to swap left and right
     */
    static void resize(Picture from, Box box, int side, boolean mirrored, float[] to, int at) {
        int c = from.channels();
        var rows = new Taps(box.height, side);
        var columns = new Taps(box.width, side);
        var low = new float[box.width * c]; // one row of the box, resized vertically
        for (int i = 0; i < side; i++) {
            down(from, box, rows, i, low);
            for (int j = 0; j < side; j++) {
                int target = at + (i * side + (mirrored ? side - 1 - j : j)) * c;
                if (c == 3) {
                    acrossColour(low, columns, j, to, target);
                } else {
                    acrossGrey(low, columns, j, to, target);
                }
            }
        }
    }

    /** Resizes vertically. This axis comes first because it sums whole rows of contiguous samples. */
    private static void down(Picture from, Box box, Taps taps, int i, float[] to) {
        byte[] samples = from.samples();
        int stride = from.width() * from.channels();
        int at = (box.y + taps.start[i]) * stride + box.x * from.channels();
        Arrays.fill(to, 0);
        for (int j = 0; j < taps.count[i]; j++) {
            addRow(samples, at + j * stride, taps.weights[i * taps.most + j], to);
        }
    }

    private static void addRow(byte[] samples, int at, float weight, float[] to) {
        for (int x = 0; x < to.length; x++) {
            to[x] += weight * (samples[at + x] & 0xFF);
        }
    }

    private static void acrossGrey(float[] row, Taps taps, int i, float[] to, int target) {
        int at = taps.start[i];
        int weight = i * taps.most;
        float sum = 0;
        for (int j = 0; j < taps.count[i]; j++) {
            sum += taps.weights[weight + j] * row[at + j];
        }
        to[target] = Math.clamp(sum, 0, 255);
    }

    private static void acrossColour(float[] row, Taps taps, int i, float[] to, int target) {
        int at = 3 * taps.start[i];
        int weight = i * taps.most;
        float red = 0;
        float green = 0;
        float blue = 0;
        for (int j = 0; j < taps.count[i]; j++) {
            float w = taps.weights[weight + j];
            red += w * row[at + 3 * j];
            green += w * row[at + 3 * j + 1];
            blue += w * row[at + 3 * j + 2];
        }
        to[target] = Math.clamp(red, 0, 255);
        to[target + 1] = Math.clamp(green, 0, 255);
        to[target + 2] = Math.clamp(blue, 0, 255);
    }
}
