package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.Safetensors;
import cloze.image.Normalization;
import cloze.model.VitClassifier;
import cloze.model.VitClassifierConfig;
import cloze.model.VitConfig;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** A fine-tuned classifier of images on disk, as a run of ours: {@code config.json} and {@code model.safetensors}. */
public final class VitClassifierFolder {
    static final String TYPE = "cloze-vit-classifier";

    private static final String CLASSES = "classes";
    private static final String NORMALIZATION = "normalization";

    private VitClassifierFolder() {}

    /**
     * Reads the model's sizes.
     *
     * @throws IOException if {@code config.json} is missing, broken or describes another kind of model
     */
    public static VitClassifierConfig config(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        json.requireText("model_type", "", List.of(TYPE));
        json.requireText("pool", "", List.of("mean", "class_token"));
        try {
            var encoder = new VitConfig(
                    json.whole("image"),
                    json.whole("channels"),
                    json.whole("patch"),
                    MaeFolder.parseStack(json.object("encoder")));
            var pool = VitClassifierConfig.Pool.valueOf(json.text("pool", "").toUpperCase(Locale.ROOT));
            return new VitClassifierConfig(encoder, json.whole("num_classes"), pool, json.number("drop_path_rate", 0));
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(json.file(), "" + e.getMessage());
        }
    }

    /** Names of the classes that a model tells apart. */
    public static List<String> classes(Path folder) throws IOException {
        return List.of(part(folder, CLASSES, String[].class));
    }

    /** What images are shifted and scaled by. */
    public static Normalization normalization(Path folder) throws IOException {
        return part(folder, NORMALIZATION, Normalization.class);
    }

    private static <T> T part(Path folder, String key, Class<T> type) throws IOException {
        Path file = ConfigJson.read(folder).file();
        try {
            return JsonMapper.shared()
                    .treeToValue(
                            JsonMapper.shared()
                                    .readTree(Files.readAllBytes(file))
                                    .required(key),
                            type);
        } catch (JacksonException e) {
            throw new CheckpointException(file, "no %s of a classifier: %s".formatted(key, e.getOriginalMessage()));
        }
    }

    /**
     * Fills {@code config.json}, to which the caller may add what else there is to say.
     *
     * @param classes their names
     */
    public static Map<String, Object> json(VitClassifierConfig c, List<String> classes, Normalization normalization) {
        var json = new LinkedHashMap<String, Object>();
        json.put("model_type", TYPE);
        json.put("image", c.encoder().image());
        json.put("channels", c.encoder().channels());
        json.put("patch", c.encoder().patch());
        json.put("encoder", MaeFolder.json(c.encoder().stack()));
        json.put("num_classes", c.classes());
        json.put("pool", c.pool().name().toLowerCase(Locale.ROOT));
        json.put("drop_path_rate", c.dropPath());
        json.put(CLASSES, classes);
        json.put(NORMALIZATION, normalization);
        return json;
    }

    /** @param scope owns the parameters */
    public static Parameters.Built<VitClassifier> load(Path folder, Backend backend, Scope scope) throws IOException {
        VitClassifierConfig config = config(folder);
        try (var file = Safetensors.open(folder)) {
            var built = Parameters.build(backend, scope, 0, p -> new VitClassifier(config, p));
            VitWeights.read(file, Layout.own(HostParameters.names(built.parameters()), List.of()), built, backend);
            return built;
        }
    }

    /** Gives a classifier the weights of an encoder that was loaded for its size of images; the head stays as it is. */
    public static void copyEncoder(Parameters from, Parameters to, Backend backend) {
        Map<String, Tensor> pretrained = new HashMap<>();
        from.tensors().forEach(parameter -> pretrained.put(parameter.name(), parameter));
        for (Tensor parameter : to.tensors()) {
            Tensor stored = pretrained.get(parameter.name());
            if (stored != null) {
                backend.copy(stored, parameter);
            }
        }
        to.refresh();
    }
}
