package cloze.eval;

import cloze.backend.Backend;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.Normalization;
import cloze.image.Unreadable;
import cloze.model.Pooling;
import cloze.model.VisionEncoder;
import cloze.stat.Features;
import cloze.stat.Permutation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.stream.LongStream;

/**
 * A linear probe of an encoder that is still being trained, fitted anew each time on the same few labelled images and
 * evaluated on the same few held out. It has no state and changes nothing, so a run gives the same bits with it and
 * without.
 */
public final class OnlineProbe {
    /** Name of the share of held-out images whose class is predicted right. */
    public static final String ACCURACY = "probe_accuracy";

    private static final int FITTED = 2000; // images
    private static final int JUDGED = 1000;
    private static final long CHOICE = 0x6f6e6c696e65L;

    private final Backend backend;
    private final FrozenEncoder encoder;
    private final ImageSet train;
    private final ImageSet test;
    private final Unreadable unreadable;

    public OnlineProbe(
            Backend backend, VisionEncoder encoder, Normalization normalization, ImageData data, boolean strict) {
        this.backend = backend;
        this.encoder = new FrozenEncoder(backend, encoder, normalization);
        train = some(data.train(), FITTED);
        test = some(data.heldOut(), JUDGED);
        unreadable = new Unreadable(strict);
    }

    private static ImageSet some(ImageSet images, int most) {
        var order = new Permutation(images.count(), CHOICE);
        List<Integer> chosen = LongStream.range(0, Math.min(most, images.count()))
                .map(order::at)
                .sorted()
                .mapToObj(Math::toIntExact)
                .toList();
        return images.subset(chosen);
    }

    /** The accuracy on the held-out images. */
    public double accuracy() {
        try {
            Features known = ImageFeatures.of(encoder, Pooling.MEAN, train, unreadable);
            Features asked = ImageFeatures.of(encoder, Pooling.MEAN, test, unreadable);
            return LinearProbe.fit(backend, known).accuracy(asked, 1).getFirst();
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }
}
