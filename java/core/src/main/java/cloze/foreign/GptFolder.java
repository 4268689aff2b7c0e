package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Mlp;
import cloze.nn.Norm;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A GPT on disk: {@code config.json} and {@code model.safetensors} in a folder, as a run of ours or in the layout of
 * Hugging Face's GPT-2.
 */
public final class GptFolder {
    private static final String CONFIG = "config.json";
    private static final String TYPE = "cloze-gpt";
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final double EPSILON = 1e-5; // of every GPT of ours, as in GPT-2
    private static final long SHARD = 5L << 30;

    private GptFolder() {}

    /**
     * Reads the model's size and make.
     *
     * @throws IOException if {@code config.json} is missing, broken or describes another kind of model
     */
    public static GptConfig config(Path folder) throws IOException {
        JsonNode json = read(folder.resolve(CONFIG));
        String type = json.path("model_type").asString("");
        return switch (type) {
            case TYPE -> parse(folder.resolve(CONFIG), json);
            case "gpt2" -> fromGptTwo(GptTwoConfig.read(folder));
            default ->
                throw new CheckpointException(
                        folder.resolve(CONFIG), "model_type", "%s or gpt2".formatted(TYPE), "'%s'".formatted(type));
        };
    }

    private static JsonNode read(Path file) throws IOException {
        if (!Files.exists(file)) {
            throw new CheckpointException(file, "missing: it is no folder of a model");
        }
        try {
            return JSON.readTree(Files.readAllBytes(file));
        } catch (JacksonException e) {
            throw new CheckpointException(file, "no JSON: " + e.getOriginalMessage());
        }
    }

    private static GptConfig fromGptTwo(GptTwoConfig c) {
        if (c.epsilon() != EPSILON) {
            throw new IllegalArgumentException("layer_norm_epsilon must be 1e-5, but it is " + c.epsilon());
        }
        Heads heads = Heads.of(c.heads(), c.width() / c.heads());
        return new GptConfig(
                c.vocabulary(), c.positions(), c.layers(), c.width(), heads, GptConfig.Style.GPT2, (float) c.dropout());
    }

    private static GptConfig parse(Path file, JsonNode json) throws CheckpointException {
        try {
            JsonNode heads = json.required("heads");
            JsonNode style = json.required("style");
            return new GptConfig(
                    json.required("vocabulary").asInt(),
                    json.required("context").asInt(),
                    json.required("layers").asInt(),
                    json.required("width").asInt(),
                    new Heads(
                            heads.required("queries").asInt(),
                            heads.required("key_values").asInt(),
                            heads.required("width").asInt()),
                    new GptConfig.Style(
                            named(GptConfig.Positions.class, style.required("positions")),
                            named(Norm.Kind.class, style.required("norm")),
                            named(Mlp.Kind.class, style.required("mlp")),
                            style.required("bias").asBoolean()),
                    json.required("dropout").floatValue());
        } catch (JacksonException | IllegalArgumentException e) {
            throw new CheckpointException(file, "no config of a GPT: " + e.getMessage());
        }
    }

    private static <E extends Enum<E>> E named(Class<E> type, JsonNode node) {
        return Enum.valueOf(type, node.asString().toUpperCase(Locale.ROOT));
    }

    /** Fills {@code config.json}, to which the caller may add what else there is to say. */
    public static Map<String, Object> json(GptConfig c) {
        var json = new LinkedHashMap<String, Object>();
        json.put("model_type", TYPE);
        json.put("vocabulary", c.vocabulary());
        json.put("context", c.context());
        json.put("layers", c.layers());
        json.put("width", c.width());
        var heads = new LinkedHashMap<String, Object>();
        heads.put("queries", c.heads().queries());
        heads.put("key_values", c.heads().keyValues());
        heads.put("width", c.heads().width());
        json.put("heads", heads);
        var style = new LinkedHashMap<String, Object>();
        style.put("positions", c.style().positions().name().toLowerCase(Locale.ROOT));
        style.put("norm", c.style().norm().name().toLowerCase(Locale.ROOT));
        style.put("mlp", c.style().mlp().name().toLowerCase(Locale.ROOT));
        style.put("bias", c.style().bias());
        json.put("style", style);
        json.put("dropout", c.dropout());
        return json;
    }

    /**
     * Reads a model from a run folder or from one in the layout of GPT-2.
     *
     * @param scope owns the parameters
     */
    public static Parameters.Built<Gpt> load(Path folder, Backend backend, Scope scope) throws IOException {
        GptConfig config = config(folder);
        Parameters.Built<Gpt> built = Parameters.build(backend, scope, 0, p -> new Gpt(config, p));
        boolean gptTwo =
                "gpt2".equals(read(folder.resolve(CONFIG)).path("model_type").asString(""));
        Layout layout = gptTwo
                ? GptTwoLayout.of(config.layers())
                : Layout.own(HostParameters.names(built.parameters()), List.of());
        try (var file = Safetensors.open(folder);
                var host = new HostParameters(built.parameters(), backend)) {
            layout.read(file, host.values());
            host.upload();
        }
        return built;
    }

    /**
     * Writes the model in the layout of Hugging Face's GPT-2, for {@code GPT2LMHeadModel}.
     *
     * @param endOfText id of the token that ends a text, if there is one
     * @throws IllegalArgumentException if the model is not of GPT-2's make
     */
    public static void export(Path folder, Gpt gpt, Parameters parameters, Backend backend, OptionalInt endOfText)
            throws IOException {
        GptConfig c = gpt.config();
        boolean square = c.heads().inner() == c.width()
                && c.heads().keyValues() == c.heads().queries();
        if (!c.style().equals(GptConfig.Style.GPT2) || !square) {
            throw new IllegalArgumentException(
                    "only a model of GPT-2's make has its layout: %s of %s is not one".formatted(c.style(), c.heads()));
        }
        Files.createDirectories(folder);
        new GptTwoConfig(c.layers(), c.heads().queries(), c.width(), c.context(), c.vocabulary(), EPSILON, c.dropout())
                .write(folder, endOfText);
        try (var host = new HostParameters(parameters, backend)) {
            host.download();
            var writer = new SafetensorsWriter();
            GptTwoLayout.of(c.layers()).write(host.values(), writer);
            writer.metadata("format", "pt").writeFolder(folder, SHARD);
        }
    }
}
