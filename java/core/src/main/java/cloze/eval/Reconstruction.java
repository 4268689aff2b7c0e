package cloze.eval;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.image.Normalization;
import cloze.image.Picture;
import cloze.model.MaskedImageModel;
import cloze.model.VitConfig;
import cloze.nn.RandomMask;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Images, the same with hidden patches, and a model's prediction of every patch, in samples of 0..255. Predictions of
 * normalised patches get the true mean and deviation of each patch back, as in the paper's figures.
 */
public final class Reconstruction {
    private final VitConfig config;
    private final int count;
    private final float[] original;
    private final float[] predicted;
    private final boolean[] hidden;

    private Reconstruction(VitConfig config, float[] original, float[] predicted, boolean[] hidden) {
        this.config = config;
        this.original = original;
        this.predicted = predicted;
        this.hidden = hidden;
        count = hidden.length / config.patches();
    }

    /**
     * Hides patches and fills them in.
     *
     * @param images [B, side, side, C], normalised
     * @param seed of the masks, with {@code offset}
     */
    public static Reconstruction of(
            Backend backend,
            MaskedImageModel model,
            Normalization normalization,
            float[] images,
            long seed,
            long offset) {
        VitConfig config = model.encoder().config();
        try (Scope scope = backend.memory().scope("reconstruction")) {
            Tape tape = Tape.inference(backend, scope);
            Tensor patches = model.patches(tape, images);
            RandomMask mask = model.mask(tape, patches.shape().extent(0), seed, offset);
            float[] filled = backend.floats(model.predict(tape, patches, mask));
            int[] flags = backend.ints(mask.mask());
            float[] seen = unpatchified(config, images, true);
            var hidden = new boolean[flags.length];
            for (int i = 0; i < flags.length; i++) {
                hidden[i] = flags[i] != 0;
            }
            if (model.normalizes()) {
                denormalise(filled, seen, config.pixels());
            }
            samples(seen, normalization);
            samples(filled, normalization);
            return new Reconstruction(
                    config, unpatchified(config, seen, false), unpatchified(config, filled, false), hidden);
        }
    }

    /** {@code predicted sqrt(variance + 1e-6) + mean} of every true patch, with the unbiased variance. */
    private static void denormalise(float[] predicted, float[] patches, int n) {
        for (int from = 0; from < patches.length; from += n) {
            double mean = 0;
            for (int i = 0; i < n; i++) {
                mean += patches[from + i] / n;
            }
            double squares = 0;
            for (int i = 0; i < n; i++) {
                squares += (patches[from + i] - mean) * (patches[from + i] - mean);
            }
            double deviation = Math.sqrt(squares / (n - 1) + 1e-6);
            for (int i = 0; i < n; i++) {
                predicted[from + i] = (float) (predicted[from + i] * deviation + mean);
            }
        }
    }

    private static void samples(float[] normalised, Normalization normalization) {
        int channels = normalization.channels();
        for (int i = 0; i < normalised.length; i++) {
            int c = i % channels;
            double unit = normalised[i] * normalization.deviation().get(c)
                    + normalization.mean().get(c);
            normalised[i] = (float) (255 * unit);
        }
    }

    /** Between [B, N, P P C] and [B, side, side, C]: to patches if {@code cut}, to images if not. */
    private static float[] unpatchified(VitConfig config, float[] from, boolean cut) {
        int side = config.image();
        int p = config.patch();
        int row = p * config.channels();
        var to = new float[from.length];
        int image = side * side * config.channels();
        for (int at = 0; at < from.length; at += image) {
            for (int y = 0; y < side; y++) {
                for (int x = 0; x < config.grid(); x++) {
                    int pixels = at + (y * side + x * p) * config.channels();
                    int patch = at + (y / p * config.grid() + x) * config.pixels() + y % p * row;
                    System.arraycopy(from, cut ? pixels : patch, to, cut ? patch : pixels, row);
                }
            }
        }
        return to;
    }

    /** B */
    public int count() {
        return count;
    }

    /** Image i, [side, side, C]. */
    public float[] original(int i) {
        return image(original, i);
    }

    /** The prediction of every patch of image i, also of those that were seen, [side, side, C]. */
    public float[] predicted(int i) {
        return image(predicted, i);
    }

    /** The hidden pixels of image i, [side, side]. */
    public boolean[] hidden(int i) {
        int side = config.image();
        int p = config.patch();
        var pixels = new boolean[side * side];
        for (int j = 0; j < pixels.length; j++) {
            pixels[j] = hidden[i * config.patches() + j / side / p * config.grid() + j % side / p];
        }
        return pixels;
    }

    private float[] image(float[] all, int i) {
        int size = all.length / count;
        return java.util.Arrays.copyOfRange(all, i * size, (i + 1) * size);
    }

    /**
     * Four pictures of image i: the original, hidden patches in grey, the prediction, and the prediction in hidden
     * patches only.
     */
    public List<Picture> pictures(int i) {
        float[] whole = original(i);
        float[] filled = predicted(i);
        boolean[] gone = hidden(i);
        var masked = new float[whole.length];
        var pasted = new float[whole.length];
        for (int j = 0; j < whole.length; j++) {
            boolean hide = gone[j / config.channels()];
            masked[j] = hide ? 127 : whole[j];
            pasted[j] = hide ? filled[j] : whole[j];
        }
        List<Picture> pictures = new ArrayList<>();
        for (float[] each : List.of(whole, masked, filled, pasted)) {
            var bytes = new byte[each.length];
            for (int j = 0; j < bytes.length; j++) {
                bytes[j] = (byte) Math.clamp(Math.round(each[j]), 0, 255);
            }
            pictures.add(new Picture(config.image(), config.image(), config.channels(), bytes));
        }
        return pictures;
    }
}
