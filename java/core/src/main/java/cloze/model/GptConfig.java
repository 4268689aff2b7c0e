package cloze.model;

import cloze.nn.Mlp;
import cloze.nn.Norm;
import cloze.op.Heads;
import cloze.setting.Setting;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The sizes and the architecture of a GPT.
 *
 * @param vocabulary V, tokens
 * @param context T, most tokens that are seen at once
 * @param layers L, blocks
 * @param width D, of the residual stream
 * @param heads H and their width K; H K need not be D
 * @param style the published variant of the block
 * @param dropout share that is dropped of embeddings, attention and residual additions
 */
public record GptConfig(
        int vocabulary,

        @Setting(value = "Tokens in a window.", label = "T", min = 1)
        int context,

        int layers,
        int width,
        Heads heads,
        Style style,

        @Setting(
                value = "Share that is dropped of embeddings, attention and residual additions.",
                label = "SHARE",
                min = 0,
                below = 1)
        float dropout) {
    /** The kind of position embedding. */
    public enum Positions {
        /** A table of T rows, added to the embedding. */
        LEARNED,
        /** Rotations of queries and keys. */
        ROTARY
    }

    /**
     * A published variant of the block.
     *
     * @param bias true if linear layers and norms have biases
     */
    public record Style(Positions positions, Norm.Kind norm, Mlp.Kind mlp, boolean bias) {
        /** GPT-2 and GPT-3: learned positions, LayerNorm, tanh GELU, biases. */
        public static final Style GPT2 = new Style(Positions.LEARNED, Norm.Kind.LAYER, Mlp.Kind.GELU_TANH, true);

        /** nanoGPT's Shakespeare models: like GPT-2 with the exact GELU and without biases. */
        public static final Style NANOGPT =
                new Style(Positions.LEARNED, Norm.Kind.LAYER_WITHOUT_BIAS, Mlp.Kind.GELU_ERF, false);

        /** Rotary positions, RMSNorm, SwiGLU, no biases. */
        public static final Style MODERN = new Style(Positions.ROTARY, Norm.Kind.RMS, Mlp.Kind.SWIGLU, false);
    }

    /** Base of the rotary positions. */
    public static final float THETA = 10_000;

    /** Added to the variance by the norms, as in GPT-2. */
    public static final float EPSILON = 1e-5f;

    // sizes come from files; beyond these, products of extents overflow and lists of layers have no end
    private static final int LARGEST = 1 << 24;
    private static final int MOST_LAYERS = 1000;
    private static final int WIDEST = 1 << 20;

    private static final int GPT2_VOCABULARY = 50_257;
    private static final int GPT3_CONTEXT = 2048;

    public GptConfig {
        requireIn("vocabulary", vocabulary, LARGEST);
        requireIn("context", context, LARGEST);
        requireIn("layers", layers, MOST_LAYERS);
        requireIn("width", width, WIDEST);
        if (style.positions() == Positions.ROTARY && heads.width() % 2 != 0) {
            throw new IllegalArgumentException("rotary positions need an even head width, but it is " + heads.width());
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("dropout must be in [0, 1), but it is " + dropout);
        }
    }

    private static void requireIn(String what, int value, int most) {
        if (value <= 0 || value > most) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "%s must be positive and %d or less, but it is %d", what, most, value));
        }
    }

    public GptConfig withVocabulary(int size) {
        return new GptConfig(size, context, layers, width, heads, style, dropout);
    }

    public GptConfig withContext(int tokens) {
        return new GptConfig(vocabulary, tokens, layers, width, heads, style, dropout);
    }

    public GptConfig withStyle(Style other) {
        return new GptConfig(vocabulary, context, layers, width, heads, other, dropout);
    }

    public GptConfig withDropout(float rate) {
        return new GptConfig(vocabulary, context, layers, width, heads, style, rate);
    }

    /** The vocabulary of a preset for characters, until the text's vocabulary is known. */
    private static final int CHARACTERS = 65;

    private static GptConfig square(int vocabulary, int context, int layers, int headCount, int width, Style style) {
        return new GptConfig(vocabulary, context, layers, width, Heads.of(headCount, width / headCount), style, 0);
    }

    private static GptConfig gpt3(int layers, int width, int headCount, int headWidth) {
        return new GptConfig(
                GPT2_VOCABULARY, GPT3_CONTEXT, layers, width, Heads.of(headCount, headWidth), Style.GPT2, 0);
    }

    private static final Map<String, Supplier<GptConfig>> PRESETS = presets();

    private static Map<String, Supplier<GptConfig>> presets() {
        var all = new LinkedHashMap<String, Supplier<GptConfig>>();
        all.put("nano", () -> square(CHARACTERS, 128, 4, 4, 128, Style.MODERN));
        all.put("baby", () -> square(CHARACTERS, 256, 6, 6, 384, Style.NANOGPT).withDropout(0.2f));
        all.put("nanogpt-cpu", () -> square(CHARACTERS, 64, 4, 4, 128, Style.NANOGPT));
        all.put("gpt2", () -> square(GPT2_VOCABULARY, 1024, 12, 12, 768, Style.GPT2));
        all.put("gpt2-medium", () -> square(GPT2_VOCABULARY, 1024, 24, 16, 1024, Style.GPT2));
        all.put("gpt2-large", () -> square(GPT2_VOCABULARY, 1024, 36, 20, 1280, Style.GPT2));
        all.put("gpt2-xl", () -> square(GPT2_VOCABULARY, 1024, 48, 25, 1600, Style.GPT2));
        all.put("gpt3-small", () -> gpt3(12, 768, 12, 64));
        all.put("gpt3-medium", () -> gpt3(24, 1024, 16, 64));
        all.put("gpt3-large", () -> gpt3(24, 1536, 16, 96));
        // Table 2.1 says 24 heads of 128 for a width of 2048; its 1.3 B parameters are those of 16 heads.
        all.put("gpt3-xl", () -> gpt3(24, 2048, 16, 128));
        all.put("gpt3-2.7b", () -> gpt3(32, 2560, 32, 80));
        all.put("gpt3-6.7b", () -> gpt3(32, 4096, 32, 128));
        // Table 2.1 says a width of 5140, which 40 heads of 128 do not make; they make 5120.
        all.put("gpt3-13b", () -> gpt3(40, 5120, 40, 128));
        all.put("gpt3-175b", () -> gpt3(96, 12_288, 96, 128));
        return all;
    }

    /** Names of the presets, smallest first within a family. */
    public static List<String> presetNames() {
        return new ArrayList<>(PRESETS.keySet());
    }

    /** @throws IllegalArgumentException if there is none of that name */
    public static GptConfig preset(String name) {
        Supplier<GptConfig> preset = PRESETS.get(name);
        if (preset == null) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "no preset is named '%s'; there are %s", name, String.join(", ", PRESETS.keySet())));
        }
        return preset.get();
    }
}
