package cloze.eval;

import cloze.image.Augmentation;
import cloze.image.ImageBatch;
import cloze.image.ImagePass;
import cloze.image.ImageSet;
import cloze.image.Unreadable;
import cloze.io.DataException;
import cloze.model.Pooling;
import cloze.stat.Features;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** The vectors of labelled images, for probes. */
public final class ImageFeatures {
    private static final int BATCH = 256;
    private static final int LARGEST = 32; // pixels of a side that are features by themselves

    /** Makes vectors of pixels [B, side, side, C]. */
    private interface Source {
        List<float[]> vectors(float[] pixels);
    }

    private ImageFeatures() {}

    /** The vectors of an encoder for each image without augmentation: its middle square, not mirrored. */
    public static Features of(FrozenEncoder encoder, Pooling pooling, ImageSet images, Unreadable unreadable)
            throws IOException {
        Source source = pixels -> encoder.encode(pixels, pooling);
        return of(images, encoder.view(), encoder.width(), source, unreadable);
    }

    /** The raw pixels of images resized to 32 x 32 at most: the baseline for any encoder. */
    public static Features pixels(Augmentation view, ImageSet images, Unreadable unreadable) throws IOException {
        var small = Augmentation.none(Math.min(view.side(), LARGEST), view.normalization());
        Source source = pixels -> rows(pixels, small.size());
        return of(images, small, small.size(), source, unreadable);
    }

    private static List<float[]> rows(float[] pixels, int size) {
        return IntStream.range(0, pixels.length / size)
                .mapToObj(i -> Arrays.copyOfRange(pixels, i * size, (i + 1) * size))
                .toList();
    }

    private static Features of(ImageSet images, Augmentation view, int width, Source source, Unreadable unreadable)
            throws IOException {
        if (!images.labelled()) {
            throw new DataException("the images have no classes, so there is nothing to tell them by");
        }
        float[] values = new float[Math.multiplyExact(images.count(), width)];
        int[] labels = new int[images.count()];
        int count = 0;
        try (var pass = new ImagePass(images, view, BATCH, unreadable)) {
            for (ImageBatch batch = pass.next(); batch != null; batch = pass.next()) {
                List<float[]> vectors = source.vectors(batch.pixels());
                for (int i = 0; i < batch.count(); i++) {
                    System.arraycopy(vectors.get(i), 0, values, count * width, width);
                    labels[count++] = batch.labels()[i];
                }
            }
        }
        if (count < labels.length) {
            values = Arrays.copyOf(values, count * width);
            labels = Arrays.copyOf(labels, count);
        }
        return new Features(width, values, labels, images.classes().size());
    }
}
