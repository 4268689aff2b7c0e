package cloze.foreign;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * {@code config.json} of a GPT-2: pre-norm blocks, learned positions, GELU by tanh, MLP of width 4 D, a tied head.
 *
 * @param layers number of blocks
 * @param heads heads of attention, a divisor of the width
 * @param width D
 * @param positions longest context in tokens
 * @param vocabulary V
 * @param epsilon of the layer norms
 * @param dropout of embeddings, attention and residuals alike, in [0, 1)
 * @param exactGelu true for GELU by erf, as in nanoGPT; false for that by tanh
 */
public record GptTwoConfig(
        int layers,
        int heads,
        int width,
        int positions,
        int vocabulary,
        double epsilon,
        double dropout,
        boolean exactGelu) {
    private static final String EXACT = "gelu";
    private static final int LARGEST = 1 << 24;
    private static final int WIDEST = 1 << 20;

    public GptTwoConfig {
        require(layers > 0 && layers <= 1000, "layers", "1 to 1000", layers);
        require(width > 0 && width <= WIDEST, "width", "1 to 2^20", width);
        require(heads > 0 && width % heads == 0, "heads", "a divisor of the width " + width, heads);
        require(positions > 0 && positions <= LARGEST, "positions", "1 to 2^24", positions);
        require(vocabulary > 0 && vocabulary <= LARGEST, "vocabulary", "1 to 2^24", vocabulary);
        require(epsilon > 0 && epsilon < 1, "epsilon", "in (0, 1)", epsilon);
        require(dropout >= 0 && dropout < 1, "dropout", "in [0, 1)", dropout);
    }

    /** With GELU by tanh. */
    public GptTwoConfig(
            int layers, int heads, int width, int positions, int vocabulary, double epsilon, double dropout) {
        this(layers, heads, width, positions, vocabulary, epsilon, dropout, false);
    }

    private static void require(boolean ok, String name, String expected, Number actual) {
        if (!ok) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "GptTwoConfig: %s must be %s, but is %s", name, expected, actual));
        }
    }

    /**
     * Reads a {@code config.json}, or that of a folder; an absent key has the value that Hugging Face gives it.
     *
     * @throws CheckpointException where the model is not one this record can describe
     */
    public static GptTwoConfig read(Path path) throws IOException {
        var json = ConfigJson.read(path);
        json.requireText("model_type", "", List.of("gpt2"));
        json.requireText("activation_function", "gelu_new", List.of("gelu_new", "gelu_pytorch_tanh", EXACT));
        json.requireFlag("tie_word_embeddings", true, true);
        json.requireFlag("scale_attn_weights", true, true);
        json.requireFlag("scale_attn_by_inverse_layer_idx", false, false);
        json.requireFlag("add_cross_attention", false, false);
        int width = json.whole("n_embd", 768);
        json.requireNumber("n_inner", 4.0 * width, 4.0 * width, "4 n_embd");
        double dropout = json.number("resid_pdrop", 0.1);
        json.requireNumber("embd_pdrop", 0.1, dropout, "resid_pdrop");
        json.requireNumber("attn_pdrop", 0.1, dropout, "resid_pdrop");
        int layers = json.whole("n_layer", 12);
        int heads = json.whole("n_head", 12);
        int positions = json.whole("n_positions", 1024);
        int vocabulary = json.whole("vocab_size", 50257);
        double epsilon = json.number("layer_norm_epsilon", 1e-5);
        boolean exact = json.text("activation_function", "").equals(EXACT);
        try {
            return new GptTwoConfig(layers, heads, width, positions, vocabulary, epsilon, dropout, exact);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(json.file(), "" + e.getMessage());
        }
    }

    /**
     * Writes {@code config.json}.
     *
     * @param ends as {@link Companions#ends}
     */
    public void write(Path folder, Map<String, Object> ends) throws IOException {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("architectures", List.of("GPT2LMHeadModel"));
        json.put("model_type", "gpt2");
        json.put("activation_function", exactGelu ? EXACT : "gelu_new");
        json.put("n_layer", layers);
        json.put("n_head", heads);
        json.put("n_embd", width);
        json.put("n_positions", positions);
        json.put("n_ctx", positions);
        json.put("vocab_size", vocabulary);
        json.put("layer_norm_epsilon", epsilon);
        for (String rate : List.of("resid_pdrop", "embd_pdrop", "attn_pdrop")) {
            json.put(rate, dropout);
        }
        json.putAll(ends);
        json.put("tie_word_embeddings", true);
        json.put("torch_dtype", "float32");
        ConfigJson.write(folder, json);
    }
}
