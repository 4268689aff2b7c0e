package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.Safetensors;
import cloze.model.SimMim;
import cloze.model.SimMimConfig;
import cloze.model.VitConfig;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A SimMIM on disk, as a run of ours: {@code config.json} and {@code model.safetensors}. */
public final class SimMimFolder {
    static final String TYPE = "cloze-simmim";

    private SimMimFolder() {}

    /**
     * Reads the model's sizes.
     *
     * @throws IOException if {@code config.json} is missing, broken or describes another kind of model
     */
    public static SimMimConfig config(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        json.requireText("model_type", "", List.of(TYPE));
        return parse(json);
    }

    static SimMimConfig parse(ConfigJson json) throws CheckpointException {
        try {
            var encoder = new VitConfig(
                    json.whole("image"),
                    json.whole("channels"),
                    json.whole("patch"),
                    MaeFolder.parseStack(json.object("encoder")));
            SimMimConfig paper = SimMimConfig.of(encoder);
            return new SimMimConfig(
                    encoder, json.whole("mask_patch", paper.maskPatch()), json.number("mask_ratio", paper.ratio()));
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(json.file(), "" + e.getMessage());
        }
    }

    /** Fills {@code config.json}, to which the caller may add what else there is to say. */
    public static Map<String, Object> json(SimMimConfig c) {
        var json = new LinkedHashMap<String, Object>();
        json.put("model_type", TYPE);
        json.put("image", c.encoder().image());
        json.put("channels", c.encoder().channels());
        json.put("patch", c.encoder().patch());
        json.put("encoder", MaeFolder.json(c.encoder().stack()));
        json.put("mask_patch", c.maskPatch());
        json.put("mask_ratio", c.ratio());
        return json;
    }

    /** @param scope owns the parameters */
    public static Parameters.Built<SimMim> load(Path folder, Backend backend, Scope scope) throws IOException {
        SimMimConfig config = config(folder);
        try (var file = Safetensors.open(folder)) {
            Parameters.Built<SimMim> built = Parameters.build(backend, scope, 0, p -> new SimMim(config, p));
            VitWeights.read(file, Layout.own(HostParameters.names(built.parameters()), List.of()), built, backend);
            return built;
        }
    }

    /** Writes {@code config.json} and {@code model.safetensors}, as a run does. */
    public static void save(Path folder, SimMim model, Parameters parameters, Backend backend) throws IOException {
        Files.createDirectories(folder);
        ConfigJson.write(folder, json(model.config()));
        VitWeights.write(folder, parameters, backend);
    }
}
