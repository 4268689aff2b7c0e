package cloze.image;

import cloze.setting.Schema;
import cloze.setting.Setting;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The images that a run learns from.
 *
 * @param normalization of the images, found when the run starts; null until then
 * @param classes names of their classes, found when the run starts; empty if they have none
 */
public record ImageSettings(
        @Setting(
                value = "Images: a folder (sub-folders are classes), a list of files, IDX, .tar, .parquet, or"
                        + " the name of an installed set such as fashion-mnist or cifar-10.",
                label = "PATH")
        String data,

        @Setting(
                value = "1 for grey, 3 for colour, 0 for as the images are.",
                label = "C",
                oneOf = {"0", "1", "3"})
        int channels,

        @Setting(
                value = "Share of the images kept to evaluate on, where the data do not say which.",
                label = "SHARE",
                above = 0,
                below = 1)
        double heldOut,

        @Setting(
                value = "Least share of an image that a random part of it has, 1 for the middle square.",
                label = "SHARE",
                above = 0,
                max = 1)
        double leastArea,

        @Setting("Mirror half of the images.") boolean flip,

        @Setting("End at the first image that can not be read, instead of leaving it out.")
        boolean strict,

        @Setting(value = "Threads that read images ahead. Results do not depend on it.", flag = "loaders", min = 1)
        int threads,

        @Nullable Normalization normalization,
        List<String> classes) {
    public ImageSettings {
        classes = List.copyOf(classes);
        Schema.check(
                ImageSettings.class, data, channels, heldOut, leastArea, flip, strict, threads, normalization, classes);
    }

    /** A tenth held out, random parts of at least a fifth, mirrored or not, two threads. */
    public static ImageSettings of(String data) {
        return new ImageSettings(data, 0, 0.1, 0.2, true, false, 2, null, List.of());
    }

    public ImageSettings withData(String changed) {
        return Schema.with(this, "data", changed);
    }

    public ImageSettings withHeldOut(double share) {
        return Schema.with(this, "heldOut", share);
    }

    public ImageSettings withLeastArea(double share) {
        return Schema.with(this, "leastArea", share);
    }

    public ImageSettings withFlip(boolean on) {
        return Schema.with(this, "flip", on);
    }

    public ImageSettings withStrict(boolean on) {
        return Schema.with(this, "strict", on);
    }

    public ImageSettings withThreads(int count) {
        return Schema.with(this, "threads", count);
    }

    /** The same with what was found in the data. */
    public ImageSettings withFound(Normalization found, List<String> names) {
        return new ImageSettings(data, channels, heldOut, leastArea, flip, strict, threads, found, names);
    }

    /**
     * The random part, the mirroring and the normalisation of training images.
     *
     * @param side pixels
     */
    public Augmentation augmentation(int side) {
        return new Augmentation(side, leastArea, flip, found());
    }

    /**
     * The middle square of every image.
     *
     * @param side pixels
     */
    public Augmentation view(int side) {
        return Augmentation.none(side, found());
    }

    private Normalization found() {
        if (normalization == null) {
            throw new IllegalStateException("the normalization of the images is not known yet");
        }
        return normalization;
    }
}
