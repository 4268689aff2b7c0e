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
    // sizes come from files, and fixed positions are made without a tensor of the file that would show a wrong one
    private static final int MOST_PATCHES = 1 << 16;
    private static final int MOST_POSITIONS = 1 << 26;
    private static final int MOST_PIXELS = 1 << 24;
    private static final int LARGEST_SIDE = 1 << 14;

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
        requireAtMost(LARGEST_SIDE, "pixels of a side", image);
        requireAtMost(MOST_PATCHES, "patches of an image", (long) (image / patch) * (image / patch));
        requireAtMost(MOST_PIXELS, "values of a patch", (long) patch * patch * channels);
        requirePositions(image / patch, stack);
    }

    /** Checks the size of a table of positions, [N, D]. */
    static void requirePositions(int grid, Stack stack) {
        requireAtMost(MOST_POSITIONS, "values of the positions", (long) grid * grid * stack.width());
    }

    private static void requireAtMost(int most, String what, long actual) {
        if (actual > most) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "VitConfig: %s must be %d or less, but are %d", what, most, actual));
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
