package cloze.model;

import cloze.nn.RandomMask;
import java.util.LinkedHashMap;
import java.util.List;
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
 * @param normalize whether the pixels of each patch are predicted normalised
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021</a>
 */
public record MaeConfig(
        int image, int channels, int patch, Stack encoder, Stack decoder, double ratio, boolean normalize) {
    /** How the places of patches enter. */
    public enum Positions {
        /** A fixed table of sines and cosines. */
        SIN_COS,
        /** A table of parameters, as in fine-tuned encoders and in those for images of another size. */
        LEARNED
    }

    /**
     * Transformer blocks of width D with mlps of 4 D.
     *
     * @param epsilon added to the variance by the norms
     */
    public record Stack(int layers, int width, int heads, Positions positions, float epsilon) {
        /** As in the paper's code. */
        public static final float EPSILON = 1e-6f;

        /** As in the paper: fixed positions. */
        public Stack(int layers, int width, int heads) {
            this(layers, width, heads, Positions.SIN_COS, EPSILON);
        }

        public Stack {
            require(
                    layers > 0 && heads > 0,
                    "layers and heads must be 1 or more, but they are " + layers + " and " + heads);
            require(width % heads == 0, "a width of " + width + " is not a multiple of " + heads + " heads");
            require(width % 4 == 0, "a width of " + width + " is not a multiple of 4, as sin-cos positions need");
            require(epsilon > 0 && epsilon < 1, "epsilon must be in (0, 1), but it is " + epsilon);
        }

        public Stack withPositions(Positions kind) {
            return new Stack(layers, width, heads, kind, epsilon);
        }
    }

    /** The paper's decoder. */
    private static final Stack PAPER_DECODER = new Stack(8, 512, 16);

    private static final Map<String, MaeConfig> PRESETS = presets();

    public MaeConfig {
        var _ = new VitConfig(image, channels, patch, encoder); // checks that the sizes fit
        var _ = RandomMask.kept(1, ratio); // checks the ratio
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException("MaeConfig: " + message);
        }
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
            throw new IllegalArgumentException(
                    "MaeConfig: no preset '%s'; there is: %s".formatted(name, String.join(", ", PRESETS.keySet())));
        }
        return config;
    }

    public static List<String> presetNames() {
        return List.copyOf(PRESETS.keySet());
    }

    /** For images of another size. */
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

    /** P P C, the numbers of a patch. */
    public int pixels() {
        return vit().pixels();
    }
}
