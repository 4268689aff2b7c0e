package cloze.nn;

/** Interpolates positions of a square grid of patches to a grid of another size. */
public final class PositionGrid {
    /** The cubic kernel's free parameter, as in the resizing that published weights are used with. */
    private static final double A = -0.75;

    private static final int TAPS = 4;

    private PositionGrid() {}

    /**
     * Bicubic interpolation of a table [from from, D] to [to to, D]. The centre of place i is {@code (i + 1/2) from /
     * to - 1/2}; beyond the border its outermost row or column is repeated.
     *
     * @param width D
     */
    public static float[] resize(float[] table, int from, int to, int width) {
        var rows = new float[to * from * width]; // [to, from, D]
        for (int row = 0; row < to; row++) {
            for (int tap = 0; tap < TAPS; tap++) {
                double weight = weight(row, tap, from, to);
                add(table, place(row, tap, from, to) * from * width, weight, rows, row * from * width, from * width);
            }
        }
        var resized = new float[to * to * width];
        for (int i = 0; i < to * to; i++) {
            for (int tap = 0; tap < TAPS; tap++) {
                double weight = weight(i % to, tap, from, to);
                int at = (i / to * from + place(i % to, tap, from, to)) * width;
                add(rows, at, weight, resized, i * width, width);
            }
        }
        return resized;
    }

    private static void add(float[] from, int at, double weight, float[] to, int begin, int count) {
        for (int i = 0; i < count; i++) {
            to[begin + i] += (float) (weight * from[at + i]);
        }
    }

    private static double centre(int i, int from, int to) {
        return (i + 0.5) * from / to - 0.5;
    }

    /** The index that a tap reads: from one before the centre's floor to two after it, clamped to the grid. */
    private static int place(int i, int tap, int from, int to) {
        return Math.clamp((long) Math.floor(centre(i, from, to)) - 1 + tap, 0, from - 1);
    }

    private static double weight(int i, int tap, int from, int to) {
        double x = centre(i, from, to);
        double distance = Math.abs(x - (Math.floor(x) - 1 + tap));
        if (distance <= 1) {
            return ((A + 2) * distance - (A + 3)) * distance * distance + 1;
        }
        return A * (((distance - 5) * distance + 8) * distance - 4);
    }
}
