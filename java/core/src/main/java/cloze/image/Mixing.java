package cloze.image;

import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Mixes each image of a batch with another one, and their classes too: by a weighted mean (mixup), or by a rectangle of
 * the other image (cutmix). A batch uses one of the two; if both are enabled, each is chosen half of the time. Image i
 * is mixed with image B - 1 - i.
 *
 * @param mixup both parameters of the Beta distribution of the weight, 0 to disable
 * @param cutmix both parameters of the Beta distribution of the share of the image that is kept, 0 to disable
 * @param smoothing label smoothing: share of a target that is spread over all classes
 * @see <a href="https://arxiv.org/abs/1710.09412">Zhang et al. 2018</a>
 * @see <a href="https://arxiv.org/abs/1905.04899">Yun et al. 2019</a>
 */
public record Mixing(double mixup, double cutmix, double smoothing) {
    /** No mixing and no smoothing. */
    public static final Mixing NONE = new Mixing(0, 0, 0);

    public Mixing {
        if (!(mixup >= 0 && cutmix >= 0)) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "Mixing: mixup and cutmix must be at least 0, but they are %s and %s", mixup, cutmix));
        }
        if (!(smoothing >= 0 && smoothing < 1)) {
            throw new IllegalArgumentException("Mixing: smoothing must be in [0, 1), but it is " + smoothing);
        }
    }

    /**
     * Mixes the images in place.
     *
     * @param side of the images in pixels
     * @param key seed of all random choices
     * @return the targets [B, classes], which sum to 1 for each image
     */
    public float[] apply(ImageBatch batch, int side, int classes, long key) {
        var random = new SplittableRandom(key);
        boolean cut = cutmix > 0 && (mixup == 0 || random.nextDouble() < 0.5);
        double stays = 1;
        if (cut) {
            stays = cut(batch, side, beta(cutmix, random), random);
        } else if (mixup > 0) {
            stays = beta(mixup, random);
            mix(batch, (float) stays);
        }
        return targets(batch.labels(), classes, stays);
    }

    private static void mix(ImageBatch batch, float stays) {
        float[] pixels = batch.pixels();
        int size = pixels.length / batch.count();
        for (int b = 0; b < batch.count() / 2; b++) {
            int one = b * size;
            int other = (batch.count() - 1 - b) * size;
            for (int i = 0; i < size; i++) {
                float x = pixels[one + i];
                float y = pixels[other + i];
                pixels[one + i] = stays * x + (1 - stays) * y;
                pixels[other + i] = stays * y + (1 - stays) * x;
            }
        }
    }

    /**
     * @return the share of the images that is kept; it differs from {@code wanted} if the border clips the rectangle
     */
    private static double cut(ImageBatch batch, int side, double wanted, SplittableRandom random) {
        int length = (int) (side * Math.sqrt(1 - wanted));
        int y = random.nextInt(side);
        int x = random.nextInt(side);
        int top = Math.clamp(y - length / 2, 0, side);
        int bottom = Math.clamp(y + length / 2, 0, side);
        int left = Math.clamp(x - length / 2, 0, side);
        int right = Math.clamp(x + length / 2, 0, side);
        float[] pixels = batch.pixels();
        int size = pixels.length / batch.count();
        int c = size / (side * side);
        for (int b = 0; b < batch.count() / 2; b++) {
            for (int row = top; row < bottom; row++) {
                int from = (row * side + left) * c;
                swap(pixels, b * size + from, (batch.count() - 1 - b) * size + from, (right - left) * c);
            }
        }
        return 1 - (double) (bottom - top) * (right - left) / (side * side);
    }

    private static void swap(float[] pixels, int one, int other, int count) {
        for (int i = 0; i < count; i++) {
            float x = pixels[one + i];
            pixels[one + i] = pixels[other + i];
            pixels[other + i] = x;
        }
    }

    private float[] targets(int[] labels, int classes, double stays) {
        var targets = new float[labels.length * classes];
        java.util.Arrays.fill(targets, (float) (smoothing / classes));
        for (int b = 0; b < labels.length; b++) {
            targets[b * classes + labels[b]] += (float) ((1 - smoothing) * stays);
            targets[b * classes + labels[labels.length - 1 - b]] += (float) ((1 - smoothing) * (1 - stays));
        }
        return targets;
    }

    /** Samples Beta(alpha, alpha) as a ratio of two gamma samples. */
    private static double beta(double alpha, SplittableRandom random) {
        double x = gamma(alpha, random);
        double y = gamma(alpha, random);
        return x + y > 0 ? x / (x + y) : 0.5;
    }

    /** @see "Marsaglia and Tsang 2000, A Simple Method for Generating Gamma Variables" */
    private static double gamma(double alpha, SplittableRandom random) {
        if (alpha < 1) {
            return gamma(alpha + 1, random) * Math.pow(1 - random.nextDouble(), 1 / alpha);
        }
        double d = alpha - 1.0 / 3;
        double c = 1 / Math.sqrt(9 * d);
        while (true) {
            double x = random.nextGaussian();
            double v = Math.pow(1 + c * x, 3);
            double u = 1 - random.nextDouble();
            if (v > 0 && Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
                return d * v;
            }
        }
    }
}
