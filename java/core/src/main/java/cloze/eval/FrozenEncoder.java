package cloze.eval;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.image.Augmentation;
import cloze.image.Normalization;
import cloze.model.Pooling;
import cloze.model.VisionEncoder;
import cloze.tensor.Scope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * An image encoder on its device, without training. Thread-safe.
 *
 * @param normalization of the images that it was trained on
 */
public record FrozenEncoder(Backend backend, VisionEncoder encoder, Normalization normalization) {
    /** Images that are computed together. */
    public static final int BATCH = 32;

    /** The middle square of a picture, resized and normalised for the encoder. */
    public Augmentation view() {
        return Augmentation.none(encoder.side(), normalization);
    }

    /** D, the length of a vector. */
    public int width() {
        return encoder.width();
    }

    /**
     * The vector of each image, [D], independent of the other images.
     *
     * @param images [B, side, side, C] row by row, normalised
     * @throws IllegalArgumentException if the numbers are not those of whole images
     */
    public List<float[]> encode(float[] images, Pooling pooling) {
        int pixels = wholeImages(images);
        var vectors = new ArrayList<float[]>(images.length / pixels);
        for (int from = 0; from < images.length; from += BATCH * pixels) {
            int to = Math.min(images.length, from + BATCH * pixels);
            float[] rows = batch(Arrays.copyOfRange(images, from, to), pooling);
            for (int at = 0; at < rows.length; at += width()) {
                vectors.add(Arrays.copyOfRange(rows, at, at + width()));
            }
        }
        return vectors;
    }

    /** @return numbers of one image */
    public int wholeImages(float[] images) {
        int pixels = encoder.pixels();
        if (images.length % pixels != 0) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "FrozenEncoder: images must be whole ones of [%d, %d, %d], but are %d numbers",
                    encoder.side(),
                    encoder.side(),
                    encoder.channels(),
                    images.length));
        }
        return pixels;
    }

    /** [B, D] */
    private float[] batch(float[] images, Pooling pooling) {
        try (Scope step = backend.memory().scope("encode")) {
            return backend.floats(encoder.features(Tape.inference(backend, step), images, pooling));
        }
    }
}
