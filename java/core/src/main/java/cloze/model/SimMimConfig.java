package cloze.model;

import cloze.nn.BlockMask;
import cloze.setting.Setting;
import java.util.Locale;

/**
 * Sizes of SimMIM.
 *
 * @param encoder the vision transformer, which sees every patch, hidden or not
 * @param maskPatch pixels along a side of the squares that are hidden, a multiple of the encoder's patch; 0 for two
 * @param ratio of the squares that are hidden
 * @see <a href="https://arxiv.org/abs/2111.09886">Xie et al. 2021</a>
 */
public record SimMimConfig(
        VitConfig encoder,

        @Setting(
                value = "Pixels along a side of the squares that are hidden, 0 for two patches.",
                label = "SIDE",
                min = 0)
        int maskPatch,

        @Setting(
                value = "Share of the squares that is hidden.",
                flag = "mask-ratio",
                label = "SHARE",
                above = 0,
                below = 1)
        double ratio) {
    /** The paper's share of hidden squares. */
    public static final double RATIO = 0.6;

    public SimMimConfig {
        int pixels = maskPatch == 0 ? 2 * encoder.patch() : maskPatch;
        if (pixels < 1 || pixels % encoder.patch() != 0 || encoder.image() % pixels != 0) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "SimMimConfig: maskPatch must be a multiple of the patch, %d, and divide the image, %d, but it is %d",
                    encoder.patch(),
                    encoder.image(),
                    pixels));
        }
        int side = encoder.image() / pixels;
        var _ = BlockMask.hidden(side * side, ratio); // checks the ratio
    }

    /** The paper's choice: 60 % of squares of 2 x 2 patches, which are 32 x 32 pixels for patches of 16 x 16. */
    public static SimMimConfig of(VitConfig encoder) {
        return new SimMimConfig(encoder, 0, RATIO);
    }

    public SimMimConfig withEncoder(VitConfig other) {
        return new SimMimConfig(other, maskPatch, ratio);
    }

    /** Patches along a side of a square. */
    public int square() {
        return maskPatch == 0 ? 2 : maskPatch / encoder.patch();
    }

    /** The number of patches of an image that are hidden. */
    public int hidden() {
        int side = encoder.grid() / square();
        return BlockMask.hidden(side * side, ratio) * square() * square();
    }
}
