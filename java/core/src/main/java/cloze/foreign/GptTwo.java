package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.Safetensors;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Mlp;
import cloze.nn.Norm;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/** {@code GPT2LMHeadModel} of Hugging Face. */
public final class GptTwo implements Foreign<Gpt> {
    private static final double EPSILON = 1e-5; // of every GPT here, as in GPT-2

    /** Stateless. */
    public GptTwo() {}

    @Override
    public String word() {
        return "huggingface";
    }

    @Override
    public boolean recognises(ConfigJson config) throws CheckpointException {
        return config.text("model_type", "").equals("gpt2");
    }

    /** Sizes in a {@code config.json}. */
    public static GptConfig config(Path folder) throws IOException {
        GptTwoConfig c = GptTwoConfig.read(folder);
        if (c.epsilon() != EPSILON) {
            throw new CheckpointException(
                    folder.resolve("config.json"), "layer_norm_epsilon", "" + EPSILON, "" + c.epsilon());
        }
        Heads heads = Heads.of(c.heads(), c.width() / c.heads());
        Mlp.Kind mlp = c.exactGelu() ? Mlp.Kind.GELU_ERF : Mlp.Kind.GELU_TANH;
        var style = new GptConfig.Style(GptConfig.Positions.LEARNED, Norm.Kind.LAYER, mlp, true);
        return new GptConfig(c.vocabulary(), c.positions(), c.layers(), c.width(), heads, style, (float) c.dropout());
    }

    /** The file has a place for every bias; those that a model lacks are zeros there. */
    private static GptConfig withBiases(GptConfig c) {
        return c.withStyle(new GptConfig.Style(
                c.style().positions(), Norm.Kind.LAYER, c.style().mlp(), true));
    }

    @Override
    public Parameters.Built<Gpt> load(Path folder, Backend backend, Scope scope) throws IOException {
        GptConfig config = config(folder);
        try (var file = Safetensors.open(folder)) {
            return HostParameters.load(file, GptTwoLayout.of(config.layers()), backend, scope, p -> new Gpt(config, p));
        }
    }

    @Override
    public Companions companions(Path folder) throws IOException {
        return Companions.of(Tokenizer.load(folder), ConfigJson.read(folder));
    }

    @Override
    public List<String> save(Path folder, Parameters.Built<Gpt> model, Companions companions, Backend backend)
            throws IOException {
        GptConfig c = model.model().config();
        boolean square = c.heads().inner() == c.width()
                && c.heads().keyValues() == c.heads().queries();
        GptConfig whole = withBiases(c);
        if (c.style().positions() != GptConfig.Positions.LEARNED
                || c.style().norm() == Norm.Kind.RMS
                || c.style().mlp() == Mlp.Kind.SWIGLU
                || !square) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "only a model of GPT-2's make has its layout: %s of %s is not one",
                    c.style(),
                    c.heads()));
        }
        Tokenizer tokenizer = Objects.requireNonNull(companions.tokenizer(), "a language model has a tokenizer");
        new GptTwoConfig(
                        c.layers(),
                        c.heads().queries(),
                        c.width(),
                        c.context(),
                        c.vocabulary(),
                        EPSILON,
                        c.dropout(),
                        c.style().mlp() == Mlp.Kind.GELU_ERF)
                .write(folder, companions.ends());
        Map<String, Shape> all = Parameters.shapes(p -> new Gpt(whole, p));
        HostParameters.write(folder, GptTwoLayout.of(c.layers()), model.parameters(), all, backend);
        tokenizer.save(folder.resolve("tokenizer.json"));
        return List.of("config.json", "model.safetensors", "tokenizer.json");
    }
}
