package cloze.model;

import cloze.nn.Stack;
import cloze.setting.Setting;
import java.util.Locale;

/**
 * Sizes of a vision transformer.
 *
 * @param image pixels of a side
 * @param channels C
 * @param patch P, which divides the side
 * @param stack its blocks
 */
public record VitConfig(
        @Setting(value = "Pixels of a side.", label = "SIDE", min = 1)
        int image,

        int channels,

        @Setting(value = "Pixels of a patch's side.", label = "P", min = 1)
        int patch,

        Stack stack) {
    public VitConfig {
        if (image <= 0 || patch <= 0 || image % patch != 0) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "VitConfig: images of %1$d x %1$d pixels can not be cut into patches of %2$d x %2$d",
                    image,
                    patch));
        }
        if (channels <= 0) {
            throw new IllegalArgumentException("VitConfig: channels must be 1 or more, but it is " + channels);
        }
    }

    /** The same for images of another size. */
    public VitConfig withImage(int side) {
        return new VitConfig(side, channels, patch, stack);
    }

    public VitConfig withChannels(int count) {
        return new VitConfig(image, count, patch, stack);
    }

    public VitConfig withStack(Stack other) {
        return new VitConfig(image, channels, patch, other);
    }

    /** Patches along a side. */
    public int grid() {
        return image / patch;
    }

    /** N */
    public int patches() {
        return grid() * grid();
    }

    /** P P C, the values of a patch. */
    public int pixels() {
        return patch * patch * channels;
    }
}
