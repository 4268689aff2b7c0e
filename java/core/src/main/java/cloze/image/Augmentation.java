package cloze.image;

import cloze.stat.Permutation;
import java.util.Locale;

/**
 * Converts a picture to a model's input [side, side, C]: crops it, resizes it, mirrors it at random and normalises it.
 *
 * @param side of the result in pixels
 * @param leastArea minimum area of the random crop as a share of the picture; 1 always takes the central square
 * @param flip true to mirror half of the pictures
 * @see <a href="https://arxiv.org/abs/1409.4842">Szegedy et al. 2015, section 6, for the random crop</a>
 */
public record Augmentation(int side, double leastArea, boolean flip, Normalization normalization) {
    private static final double WIDEST = 4.0 / 3;
    private static final int TRIES = 10;

    public Augmentation {
        if (side < 1 || !(leastArea > 0 && leastArea <= 1)) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "Augmentation: side must be 1 or more and leastArea in (0, 1], but they are %d and %s",
                    side,
                    leastArea));
        }
    }

    /** The central square of every picture, not mirrored: for evaluation. */
    public static Augmentation none(int side, Normalization normalization) {
        return new Augmentation(side, 1, false, normalization);
    }

    /** A random crop of at least a fifth of the area, mirrored at random: pre-training as in the paper. */
    public static Augmentation crop(int side, Normalization normalization) {
        return new Augmentation(side, 0.2, true, normalization);
    }

    /** Number of floats per picture in a batch. */
    public int size() {
        return side * side * normalization.channels();
    }

    /**
     * Writes [side, side, C] at {@code at}.
     *
     * @param key seed of all random choices
     */
    public void apply(Picture picture, long key, float[] to, int at) {
        var random = new Draws(key);
        Picture of = picture.withChannels(normalization.channels());
        Bicubic.Box box = leastArea < 1 ? part(of, random) : middle(of);
        boolean mirrored = flip && random.next() < 0.5;
        Bicubic.resize(of, box, side, mirrored, to, at);
        normalization.apply(to, at, size());
    }

    /** Random numbers in [0, 1) that depend only on a key. */
    private static final class Draws {
        private long state;

        Draws(long key) {
            state = key;
        }

        double next() {
            state = Permutation.mix(state);
            return (state >>> 11) * 0x1p-53;
        }
    }

    private Bicubic.Box part(Picture of, Draws random) {
        double area = (double) of.height() * of.width();
        for (int i = 0; i < TRIES; i++) {
            double wanted = area * (leastArea + (1 - leastArea) * random.next());
            double aspect = Math.exp(Math.log(WIDEST) * (2 * random.next() - 1));
            int w = (int) Math.round(Math.sqrt(wanted * aspect));
            int h = (int) Math.round(Math.sqrt(wanted / aspect));
            if (w > 0 && h > 0 && w <= of.width() && h <= of.height()) {
                int y = (int) (random.next() * (of.height() - h + 1));
                int x = (int) (random.next() * (of.width() - w + 1));
                return new Bicubic.Box(y, x, h, w);
            }
        }
        return middle(of);
    }

    private static Bicubic.Box middle(Picture of) {
        int square = Math.min(of.height(), of.width());
        return new Bicubic.Box((of.height() - square) / 2, (of.width() - square) / 2, square, square);
    }
}
