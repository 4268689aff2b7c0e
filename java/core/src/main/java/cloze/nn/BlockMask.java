package cloze.nn;

import cloze.autograd.Tape;
import cloze.stat.Permutation;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Hides squares of several patches: a fixed share of the squares of each image, chosen uniformly. Single hidden patches
 * could be predicted from their neighbours alone.
 *
 * @see <a href="https://arxiv.org/abs/2111.09886">Xie et al. 2021, section 3.2</a>
 */
public final class BlockMask {
    private BlockMask() {}

    /**
     * The number of {@code squares} that are hidden, as in the paper's code: rounded up, at least one stays visible.
     */
    public static int hidden(int squares, double ratio) {
        if (!(ratio > 0 && ratio < 1)) {
            throw new IllegalArgumentException("the ratio of hidden squares must be in (0, 1), but it is " + ratio);
        }
        int hidden = (int) Math.ceil(squares * ratio);
        if (hidden >= squares) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "a ratio of %s hides all of %d squares: there is nothing left to see",
                    ratio,
                    squares));
        }
        return hidden;
    }

    /**
     * A mask that depends on the two numbers alone; an image's part does not depend on how many come after it. Kept patches
     * stay in their order.
     *
     * @param grid patches along a side of an image
     * @param square patches along a side of a square, which divides {@code grid}
     * @param offset differs between steps
     */
    public static RandomMask draw(Tape tape, int images, int grid, int square, double ratio, long seed, long offset) {
        if (square < 1 || grid % square != 0) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "BlockMask: %d patches of a side can not be cut into squares of %d", grid, square));
        }
        var random = new SplittableRandom(Permutation.mix(Permutation.mix(seed) ^ offset));
        int side = grid / square;
        int hidden = hidden(side * side, ratio);
        var noise = new float[images * grid * grid];
        for (int image = 0; image < images; image++) {
            float[] squares = squares(random, side * side, hidden);
            for (int patch = 0; patch < grid * grid; patch++) {
                int row = patch / grid / square;
                int column = patch % grid / square;
                noise[image * grid * grid + patch] = squares[row * side + column];
            }
        }
        int kept = (side * side - hidden) * square * square;
        return RandomMask.of(tape, noise, grid * grid, kept, 0);
    }

    /** 1 for each square that is hidden, 0 for the others. */
    private static float[] squares(SplittableRandom random, int count, int hidden) {
        var squares = new float[count];
        int left = hidden;
        for (int i = 0; i < count; i++) {
            if (random.nextInt(count - i) < left) {
                squares[i] = 1;
                left--;
            }
        }
        return squares;
    }
}
