package cloze.image;

/**
 * Resizes a part of a picture with the cubic convolution kernel of a = -1/2, widened where the picture shrinks so that
 * nothing aliases, as image libraries and the reference recipes do; one axis after the other, in float32, clamped to
 * 0..255 at the end.
 *
 * @see "Keys 1981, Cubic Convolution Interpolation for Digital Image Processing"
 */
final class Bicubic {
    private static final double A = -0.5;

    /**
     * For every output along an axis: where its inputs start, how many there are, and their weights, which add up to 1.
     */
    private static final class Taps {
        final int[] start;
        final int[] count;
        final int most;
        final float[] weights; // [out, most]

        /** Of {@code length} inputs that begin at {@code from}; none beyond them counts. */
        Taps(int from, int length, int out) {
            double scale = (double) length / out;
            double stretch = Math.max(scale, 1);
            double support = 2 * stretch;
            most = (int) Math.ceil(support) * 2 + 1;
            start = new int[out];
            count = new int[out];
            weights = new float[out * most];
            for (int i = 0; i < out; i++) {
                double centre = (i + 0.5) * scale;
                int first = Math.max(0, (int) Math.round(centre - support));
                int end = Math.min(length, (int) Math.round(centre + support));
                start[i] = from + first;
                count[i] = end - first;
                double sum = 0;
                for (int j = first; j < end; j++) {
                    sum += kernel((j + 0.5 - centre) / stretch);
                }
                for (int j = first; j < end; j++) {
                    weights[i * most + j - first] = (float) (kernel((j + 0.5 - centre) / stretch) / sum);
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

    /** A part of a picture, in pixels. */
    record Box(int y, int x, int height, int width) {}

    /**
     * Writes [side, side, C] samples in 0..255.
     *
     * @param mirrored whether left and right change places
     */
    static void resize(Picture from, Box box, int side, boolean mirrored, float[] to, int at) {
        int c = from.channels();
        int w = from.width();
        var columns = new Taps(box.x, box.width, side);
        var rows = new Taps(box.y, box.height, side);
        int top = rows.start[0];
        int bottom = rows.start[side - 1] + rows.count[side - 1];
        float[] narrow = new float[(bottom - top) * side * c]; // [rows, side, C]
        for (int y = top; y < bottom; y++) {
            for (int i = 0; i < side; i++) {
                int target = ((y - top) * side + (mirrored ? side - 1 - i : i)) * c;
                across(from.samples(), (y * w + columns.start[i]) * c, columns, i, c, narrow, target);
            }
        }
        for (int i = 0; i < side; i++) {
            down(narrow, rows, i, top, side * c, to, at + i * side * c);
        }
    }

    private static void across(byte[] samples, int at, Taps taps, int i, int c, float[] to, int target) {
        int count = taps.count[i];
        for (int k = 0; k < c; k++) {
            float sum = 0;
            for (int j = 0; j < count; j++) {
                sum += taps.weights[i * taps.most + j] * (samples[at + j * c + k] & 0xFF);
            }
            to[target + k] = sum;
        }
    }

    private static void down(float[] narrow, Taps taps, int i, int top, int row, float[] to, int target) {
        int first = taps.start[i] - top;
        int count = taps.count[i];
        for (int j = 0; j < count; j++) {
            float weight = taps.weights[i * taps.most + j];
            int from = (first + j) * row;
            for (int x = 0; x < row; x++) {
                to[target + x] = (j == 0 ? 0 : to[target + x]) + weight * narrow[from + x];
            }
        }
        for (int x = 0; x < row; x++) {
            to[target + x] = Math.clamp(to[target + x], 0, 255);
        }
    }
}
