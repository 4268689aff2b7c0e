package cloze.model;

import cloze.nn.RandomMask;
import cloze.nn.Stack;
import cloze.setting.Setting;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Sizes of a masked autoencoder.
 *
 * @param image pixels of a side
 * @param channels C
 * @param patch P, which divides the side
 * @param encoder the vision transformer
 * @param decoder the lighter one that predicts pixels
 * @param ratio of the patches that are hidden, 0 to 0.95
 * @param normalize true to predict the pixels of each patch normalised
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021</a>
 */
public record MaeConfig(
        @Setting(value = "Pixels of a side.", label = "SIDE", min = 1)
        int image,

        int channels,

        @Setting(value = "Pixels of a patch's side.", label = "P", min = 1)
        int patch,

        Stack encoder,
        Stack decoder,

        @Setting(
                value = "Share of the patches that is hidden.",
                flag = "mask-ratio",
                label = "SHARE",
                min = 0,
                max = 0.95)
        double ratio,

        @Setting(
                value = "Predict pixels as they are, not normalised over each patch: better to look at.",
                off = "raw-pixels")
        boolean normalize) {
    /** The paper's decoder. */
    private static final Stack PAPER_DECODER = new Stack(8, 512, 16);

    private static final Map<String, MaeConfig> PRESETS = presets();

    public MaeConfig {
        var _ = new VitConfig(image, channels, patch, encoder); // checks that the sizes fit
        VitConfig.requirePositions(image / patch, decoder);
        var _ = RandomMask.kept(1, ratio); // checks the ratio
    }

    private static Map<String, MaeConfig> presets() {
        var all = new LinkedHashMap<String, MaeConfig>();
        all.put("vit-nano-32", small(32, 4).withEncoder(new Stack(6, 128, 4)).withDecoder(new Stack(2, 96, 4)));
        all.put("vit-tiny-32", small(32, 4));
        all.put("vit-tiny-64", small(64, 8));
        all.put("vit-small", paper(16, new Stack(12, 384, 6)));
        all.put("vit-base", paper(16, new Stack(12, 768, 12)));
        all.put("vit-large", paper(16, new Stack(24, 1024, 16)));
        all.put("vit-huge", paper(14, new Stack(32, 1280, 16)));
        return all;
    }

    private static MaeConfig small(int image, int patch) {
        return new MaeConfig(image, 3, patch, new Stack(12, 192, 3), new Stack(4, 128, 4), 0.75, true);
    }

    private static MaeConfig paper(int patch, Stack encoder) {
        return new MaeConfig(224, 3, patch, encoder, PAPER_DECODER, 0.75, true);
    }

    /** @throws IllegalArgumentException if there is none of that name */
    public static MaeConfig preset(String name) {
        MaeConfig config = PRESETS.get(name);
        if (config == null) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "MaeConfig: no preset '%s'; there is: %s", name, String.join(", ", PRESETS.keySet())));
        }
        return config;
    }

    public static List<String> presetNames() {
        return List.copyOf(PRESETS.keySet());
    }

    public MaeConfig withChannels(int count) {
        return withImage(image, count, patch);
    }

    /** The same for images of another size. */
    public MaeConfig withImage(int side, int channelCount, int patchSide) {
        return new MaeConfig(side, channelCount, patchSide, encoder, decoder, ratio, normalize);
    }

    public MaeConfig withEncoder(Stack other) {
        return new MaeConfig(image, channels, patch, other, decoder, ratio, normalize);
    }

    public MaeConfig withDecoder(Stack other) {
        return new MaeConfig(image, channels, patch, encoder, other, ratio, normalize);
    }

    public MaeConfig withRatio(double hidden) {
        return new MaeConfig(image, channels, patch, encoder, decoder, hidden, normalize);
    }

    public MaeConfig withNormalize(boolean on) {
        return new MaeConfig(image, channels, patch, encoder, decoder, ratio, on);
    }

    /** The encoder alone. */
    public VitConfig vit() {
        return new VitConfig(image, channels, patch, encoder);
    }

    /** Patches along a side. */
    public int grid() {
        return vit().grid();
    }

    /** N */
    public int patches() {
        return vit().patches();
    }

    /** M, the patches that the encoder sees. */
    public int kept() {
        return RandomMask.kept(patches(), ratio);
    }

    /** P P C, the values of a patch. */
    public int pixels() {
        return vit().pixels();
    }
}
