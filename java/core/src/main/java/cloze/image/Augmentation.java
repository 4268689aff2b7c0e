package cloze.image;

import cloze.stat.Permutation;

/**
 * How a picture becomes what a model sees, [side, side, C]: a part of it, resized, perhaps mirrored, normalised.
 *
 * @param side pixels
 * @param leastArea share of the picture that a random part has at least; 1 takes the middle square, always the same
 * @param flip whether half of the pictures are mirrored
 * @see <a href="https://arxiv.org/abs/1409.4842">Szegedy et al. 2015, section 6, for the random part</a>
 */
public record Augmentation(int side, double leastArea, boolean flip, Normalization normalization) {
    private static final double WIDEST = 4.0 / 3;
    private static final int TRIES = 10;

    public Augmentation {
        if (side < 1 || !(leastArea > 0 && leastArea <= 1)) {
            throw new IllegalArgumentException(
                    "Augmentation: side must be 1 or more and leastArea in (0, 1], but they are %d and %s"
                            .formatted(side, leastArea));
        }
    }

    /** The middle square of every picture, as it is: for evaluation. */
    public static Augmentation none(int side, Normalization normalization) {
        return new Augmentation(side, 1, false, normalization);
    }

    /** A random part of at least a fifth, mirrored or not: pre-training as in the paper. */
    public static Augmentation crop(int side, Normalization normalization) {
        return new Augmentation(side, 0.2, true, normalization);
    }

    /** Numbers of what a batch holds of one picture. */
    public int size() {
        return side * side * normalization.channels();
    }

    /**
     * Writes [side, side, C] at {@code at}.
     *
     * @param key decides alone what is random
     */
    public void apply(Picture picture, long key, float[] to, int at) {
        var random = new Draws(key);
        Picture of = picture.withChannels(normalization.channels());
        Bicubic.Box box = leastArea < 1 ? part(of, random) : middle(of);
        boolean mirrored = flip && random.next() < 0.5;
        Bicubic.resize(of, box, side, mirrored, to, at);
        normalization.apply(to, at, size());
    }

    /** Numbers in [0, 1) that depend on a key alone. */
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
