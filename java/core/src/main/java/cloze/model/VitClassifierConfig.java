package cloze.model;

import cloze.setting.Setting;

/**
 * Sizes of a vision transformer with a linear classifier.
 *
 * @param encoder sees whole images
 * @param classes V
 * @param pool pooling of the encoder's tokens for the head
 * @param dropPath share of the samples for which the last block adds nothing while training; it grows linearly from 0
 *     at the first block
 */
public record VitClassifierConfig(
        VitConfig encoder,
        int classes,

        @Setting("Input of the head: the mean of the patches or the class_token.")
        Pooling pool,

        @Setting(
                value = "Share of the images for which the last block adds nothing; less for those before it.",
                label = "SHARE",
                min = 0,
                below = 1)
        double dropPath) {
    public VitClassifierConfig {
        if (classes < 2) {
            throw new IllegalArgumentException("VitClassifierConfig: classes must be 2 or more, but are " + classes);
        }
        if (!(dropPath >= 0 && dropPath < 1)) {
            throw new IllegalArgumentException(
                    "VitClassifierConfig: dropPath must be in [0, 1), but it is " + dropPath);
        }
    }
}
