package cloze.image;

import cloze.setting.Schema;
import cloze.setting.Setting;

/**
 * Images with classes, and how they are disturbed so that they are not memorised.
 *
 * @param perClass images of each class that are drawn by the seed, see {@link FewLabels}; 0 for all images
 */
public record LabelledImageSettings(
        ImageSettings images,
        int perClass,

        @Setting(value = "Share of the images of which a rectangle is erased.", label = "SHARE", min = 0, max = 1)
        double erase,

        @Setting(value = "Strength of mixup, 0 for none; the paper has 0.8.", label = "ALPHA", min = 0)
        double mixup,

        @Setting(value = "Strength of cutmix, 0 for none; the paper has 1.", label = "ALPHA", min = 0)
        double cutmix,

        @Setting(value = "Share of a label that is spread over all classes.", label = "SHARE", min = 0, below = 1)
        double smoothing) {
    public LabelledImageSettings {
        Schema.check(LabelledImageSettings.class, images, perClass, erase, mixup, cutmix, smoothing);
    }

    public LabelledImageSettings withImages(ImageSettings changed) {
        return Schema.with(this, "images", changed);
    }

    public LabelledImageSettings withPerClass(int count) {
        return Schema.with(this, "perClass", count);
    }

    public LabelledImageSettings withErase(double share) {
        return Schema.with(this, "erase", share);
    }

    public LabelledImageSettings withMixing(double mixupAlpha, double cutmixAlpha) {
        return Schema.with(Schema.with(this, "mixup", mixupAlpha), "cutmix", cutmixAlpha);
    }

    public Mixing mixing() {
        return new Mixing(mixup, cutmix, smoothing);
    }
}
