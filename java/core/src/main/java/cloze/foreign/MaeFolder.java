package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.Safetensors;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * A masked autoencoder on disk: {@code config.json} and {@code model.safetensors} in a folder, as a run of ours or as
 * Hugging Face's {@code ViTMAEForPreTraining}; or a file of weights under the names of the paper's code, whose sizes the
 * caller knows.
 *
 * <p>Positions of others are read as fixed if they are the sines and cosines of the paper, and as learned if not. The
 * class token's position, which is always added to it, becomes part of it.
 */
public final class MaeFolder {
    static final String TYPE = "cloze-mae";
    private static final String HUGGING_FACE = "vit_mae";

    private MaeFolder() {}

    /**
     * Reads the model's sizes. Whether positions of others are learned only their weights tell.
     *
     * @throws IOException if {@code config.json} is missing, broken or describes another kind of model
     */
    public static MaeConfig config(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        json.requireText("model_type", "", List.of(TYPE, HUGGING_FACE));
        return json.text("model_type", "").equals(TYPE) ? parse(json) : ForeignVit.mae(json);
    }

    /** Whether a folder has a masked autoencoder of ours. */
    public static boolean isRun(Path folder) throws IOException {
        return ConfigJson.read(folder).text("model_type", "").equals(TYPE);
    }

    static MaeConfig parse(ConfigJson json) throws CheckpointException {
        try {
            return new MaeConfig(
                    json.whole("image"),
                    json.whole("channels"),
                    json.whole("patch"),
                    parseStack(json.object("encoder")),
                    parseStack(json.object("decoder")),
                    json.number("mask_ratio", 0.75),
                    json.flag("norm_pix_loss", true));
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(json.file(), "" + e.getMessage());
        }
    }

    static MaeConfig.Stack parseStack(ConfigJson json) throws CheckpointException {
        json.requireText("positions", "sin_cos", List.of("sin_cos", "learned"));
        String positions = json.text("positions", "sin_cos").toUpperCase(Locale.ROOT);
        return new MaeConfig.Stack(
                json.whole("layers"),
                json.whole("width"),
                json.whole("heads"),
                MaeConfig.Positions.valueOf(positions),
                (float) json.number("epsilon", MaeConfig.Stack.EPSILON));
    }

    /** Fills {@code config.json}, to which the caller may add what else there is to say. */
    public static Map<String, Object> json(MaeConfig c) {
        var json = new LinkedHashMap<String, Object>();
        json.put("model_type", TYPE);
        json.put("image", c.image());
        json.put("channels", c.channels());
        json.put("patch", c.patch());
        json.put("encoder", json(c.encoder()));
        json.put("decoder", json(c.decoder()));
        json.put("mask_ratio", c.ratio());
        json.put("norm_pix_loss", c.normalize());
        return json;
    }

    static Map<String, Object> json(MaeConfig.Stack stack) {
        var json = new LinkedHashMap<String, Object>();
        json.put("layers", stack.layers());
        json.put("width", stack.width());
        json.put("heads", stack.heads());
        json.put("positions", stack.positions().name().toLowerCase(Locale.ROOT));
        json.put("epsilon", stack.epsilon());
        return json;
    }

    /**
     * Reads a model from a run folder or from one of Hugging Face.
     *
     * @param scope owns the parameters
     */
    public static Parameters.Built<Mae> load(Path folder, Backend backend, Scope scope) throws IOException {
        MaeConfig config = config(folder);
        if (ConfigJson.read(folder).text("model_type", "").equals(HUGGING_FACE)) {
            VitLayout layout = VitLayout.huggingFace(
                    config.encoder().layers(), config.decoder().layers(), config.channels());
            return load(folder, layout, config, backend, scope);
        }
        try (var file = Safetensors.open(folder)) {
            Parameters.Built<Mae> built = Parameters.build(backend, scope, 0, p -> new Mae(config, p));
            VitWeights.read(file, Layout.own(HostParameters.names(built.parameters()), List.of()), built, backend);
            return built;
        }
    }

    /**
     * Reads weights under the names of the paper's code.
     *
     * @param file safetensors, or a folder with {@code model.safetensors}
     * @param config sizes, which the file does not tell
     */
    public static Parameters.Built<Mae> load(Path file, MaeConfig config, Backend backend, Scope scope)
            throws IOException {
        VitLayout layout =
                VitLayout.paper(config.encoder().layers(), config.decoder().layers(), config.channels());
        return load(file, layout, config, backend, scope);
    }

    private static Parameters.Built<Mae> load(
            Path path, VitLayout layout, MaeConfig sizes, Backend backend, Scope scope) throws IOException {
        try (var file = Safetensors.open(path)) {
            var encoder = StoredPositions.read(
                            file, "", layout.positions(), sizes.encoder().width())
                    .resized(sizes.grid());
            var decoder = StoredPositions.read(
                            file,
                            "",
                            Objects.requireNonNull(layout.decoderPositions()),
                            sizes.decoder().width())
                    .resized(sizes.grid());
            MaeConfig config = sizes.withEncoder(sizes.encoder().withPositions(encoder.kind()))
                    .withDecoder(sizes.decoder().withPositions(decoder.kind()));
            Parameters.Built<Mae> built = Parameters.build(backend, scope, 0, p -> new Mae(config, p));
            VitWeights.read(
                    file,
                    layout.layout(),
                    built,
                    backend,
                    Map.of(VitLayout.POSITIONS, encoder.grid(), VitLayout.DECODER_POSITIONS, decoder.all()),
                    encoder.classToken());
            return built;
        }
    }

    /** Writes {@code config.json} and {@code model.safetensors}, as a run does. */
    public static void save(Path folder, Mae mae, Parameters parameters, Backend backend) throws IOException {
        Files.createDirectories(folder);
        ConfigJson.write(folder, json(mae.config()));
        VitWeights.write(folder, parameters, backend);
    }
}
