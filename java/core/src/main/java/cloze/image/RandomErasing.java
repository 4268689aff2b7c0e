package cloze.image;

import java.util.SplittableRandom;

/**
 * Replaces a rectangle of an image by standard normal noise. Its area is 2 to 33 percent of the image, its height 0.3
 * to 3.3 times its width.
 *
 * @param share probability that an image is changed
 * @see <a href="https://arxiv.org/abs/1708.04896">Zhong et al. 2017, algorithm 1</a>
 */
public record RandomErasing(double share) {
    private static final double LEAST_AREA = 0.02;
    private static final double MOST_AREA = 1.0 / 3;
    private static final double WIDEST = 1 / 0.3;
    private static final int TRIES = 10;

    public RandomErasing {
        if (!(share >= 0 && share <= 1)) {
            throw new IllegalArgumentException("RandomErasing: share must be in [0, 1], but it is " + share);
        }
    }

    /**
     * Changes one image [side, side, C] at {@code at}.
     *
     * @param key seed of all random choices
     */
    public void apply(float[] pixels, int at, int side, int channels, long key) {
        var random = new SplittableRandom(key);
        if (random.nextDouble() >= share) {
            return;
        }
        for (int i = 0; i < TRIES; i++) {
            double area = side * side * (LEAST_AREA + (MOST_AREA - LEAST_AREA) * random.nextDouble());
            double aspect = Math.exp(Math.log(WIDEST) * (2 * random.nextDouble() - 1));
            int h = (int) Math.round(Math.sqrt(area * aspect));
            int w = (int) Math.round(Math.sqrt(area / aspect));
            if (h > 0 && w > 0 && h < side && w < side) {
                int top = random.nextInt(side - h + 1);
                int left = random.nextInt(side - w + 1);
                for (int y = top; y < top + h; y++) {
                    int row = at + (y * side + left) * channels;
                    for (int x = row; x < row + w * channels; x++) {
                        pixels[x] = (float) random.nextGaussian();
                    }
                }
                return;
            }
        }
    }
}
