package cloze.recipe;

import cloze.image.Augmentation;
import cloze.image.ImageBatches;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.ImageSettings;
import cloze.image.Normalization;
import cloze.image.Unreadable;
import java.io.IOException;
import java.nio.file.Path;

/** The images of a run, and how many of them could not be read. */
final class OpenImages implements AutoCloseable {
    private static final int LOOKED_AT = 64; // images, to tell grey from colour

    private final ImageData data;
    private final Unreadable unreadable;

    OpenImages(ImageSettings settings, Path cache) throws IOException {
        data = ImageData.open(settings.data(), cache, settings.heldOut());
        unreadable = new Unreadable(settings.strict());
    }

    ImageData data() {
        return data;
    }

    Unreadable unreadable() {
        return unreadable;
    }

    /** The channels in the settings or in a resumed run; else 1 if the first images are all grey, and 3 if not. */
    int channels(ImageSettings settings) {
        if (settings.normalization() != null) {
            return settings.normalization().channels();
        }
        if (settings.channels() > 0) {
            return settings.channels();
        }
        ImageSet images = data.train();
        for (int i = 0; i < Math.min(LOOKED_AT, images.count()); i++) {
            if (isColour(images, i)) {
                return 3;
            }
        }
        return 1;
    }

    private static boolean isColour(ImageSet images, int i) {
        try {
            return images.read(i).channels() == 3;
        } catch (IOException e) {
            return false; // it is counted when its turn comes
        }
    }

    /** The settings with the normalisation for so many channels and the classes; a resumed run keeps its own. */
    ImageSettings found(ImageSettings settings, int channels) throws IOException {
        return settings.normalization() != null
                ? settings
                : settings.withFound(
                        Normalization.of(data.train(), channels), data.train().classes());
    }

    ImageBatches batches(ImageSet images, Augmentation augmentation, int batch, long seed, int threads) {
        return new ImageBatches(images, augmentation, batch, seed, threads, unreadable);
    }

    @Override
    public void close() throws IOException {
        data.close();
    }
}
