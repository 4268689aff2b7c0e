package cloze.nn;

/**
 * Fixed positions: the first half of a row holds {@code sin(p / 10000^(2 i / D))}, the second the cosines, i from 0 to
 * D / 2 - 1. They are added to tokens by {@link cloze.op.Add}.
 *
 * @see <a href="https://arxiv.org/abs/1706.03762">Vaswani et al. 2017, section 3.5</a>, there interleaved; in halves as
 *     in the code of He et al. 2021
 */
public final class SinCosPositions {
    private static final double BASE = 10_000;

    private SinCosPositions() {}

    /**
     * Positions 0, 1, ... in a row.
     *
     * @param width D, even
     * @return [positions, D]
     */
    public static float[] line(int positions, int width) {
        if (width % 2 != 0) {
            throw new IllegalArgumentException("SinCosPositions: width must be even, but it is " + width);
        }
        var table = new float[positions * width];
        for (int p = 0; p < positions; p++) {
            fill(table, p * width, width, p);
        }
        return table;
    }

    /**
     * Positions in a grid, row by row: the first half of D tells the column, the second the row.
     *
     * @param width D, a multiple of 4
     * @return [rows columns, D]
     */
    public static float[] grid(int rows, int columns, int width) {
        if (width % 4 != 0) {
            throw new IllegalArgumentException("SinCosPositions: width must be a multiple of 4, but it is " + width);
        }
        var table = new float[rows * columns * width];
        for (int i = 0; i < rows * columns; i++) {
            fill(table, i * width, width / 2, i % columns);
            fill(table, i * width + width / 2, width / 2, i / columns);
        }
        return table;
    }

    private static void fill(float[] table, int from, int width, int position) {
        int half = width / 2;
        for (int i = 0; i < half; i++) {
            double angle = position / Math.pow(BASE, (double) i / half);
            table[from + i] = (float) Math.sin(angle);
            table[from + half + i] = (float) Math.cos(angle);
        }
    }
}
