package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.Safetensors;
import cloze.image.Normalization;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.model.SimMim;
import cloze.model.SimMimConfig;
import cloze.model.Vit;
import cloze.model.VitConfig;
import cloze.nn.Parameters;
import cloze.nn.SinCosPositions;
import cloze.tensor.Scope;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * The encoder in a folder of any vision transformer that we know: a masked autoencoder of ours or of Hugging Face
 * ({@code vit_mae}), a SimMIM of ours, a {@code ViTModel}, or one of timm's, such as {@code vit_base_patch16_224.mae}.
 */
public final class VitFolder {
    private VitFolder() {}

    /**
     * Reads the encoder's sizes. Whether positions of others are learned only their weights tell.
     *
     * @throws IOException if {@code config.json} is missing, broken or describes another kind of model
     */
    public static VitConfig config(Path folder) throws IOException {
        return config(ConfigJson.read(folder));
    }

    private static VitConfig config(ConfigJson json) throws CheckpointException {
        String type = type(json);
        return switch (type) {
            case MaeFolder.TYPE -> MaeFolder.parse(json).vit();
            case SimMimFolder.TYPE -> SimMimFolder.parse(json).encoder();
            case "timm" -> ForeignVit.timm(json);
            case "vit_mae", "vit" -> ForeignVit.vit(json);
            default ->
                throw new CheckpointException(
                        json.file(),
                        "model_type",
                        "%s, %s, vit_mae or vit, or given architecture".formatted(MaeFolder.TYPE, SimMimFolder.TYPE),
                        "'%s'".formatted(type));
        };
    }

    private static String type(ConfigJson json) throws CheckpointException {
        return json.has("architecture") ? "timm" : json.text("model_type", "");
    }

    /**
     * What the images of an encoder are shifted and scaled by: as a run of ours says, {@code preprocessor_config.json} of
     * Hugging Face or {@code pretrained_cfg} of timm; where a foreign folder says nothing, as usual for ImageNet.
     */
    public static Normalization normalization(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        int channels = config(json).channels();
        Path preprocessor = folder.resolve(ForeignVit.PREPROCESSOR);
        ConfigJson other = json.object("pretrained_cfg");
        Normalization found;
        if (json.has("normalization")) {
            found = normalization(json.object("normalization"), "mean", "deviation");
        } else if (Files.exists(preprocessor)) {
            found = normalization(ConfigJson.read(preprocessor), "image_mean", "image_std");
        } else if (other.has("mean")) {
            found = normalization(other, "mean", "std");
        } else {
            found = Normalization.IMAGENET;
        }
        if (found.channels() != channels) {
            throw new CheckpointException(
                    json.file(), "normalization", "means of %d channels".formatted(channels), "" + found.mean());
        }
        return found;
    }

    private static Normalization normalization(ConfigJson json, String mean, String deviation)
            throws CheckpointException {
        try {
            return new Normalization(json.numbers(mean), json.numbers(deviation));
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(json.file(), "" + e.getMessage());
        }
    }

    /**
     * Reads the encoder for images of its own size.
     *
     * @param scope owns the parameters
     */
    public static Parameters.Built<Vit> load(Path folder, Backend backend, Scope scope) throws IOException {
        return load(folder, config(folder).image(), backend, scope);
    }

    /**
     * Reads the encoder for images of any size; positions are interpolated where it is another than the encoder's.
     *
     * @param side pixels of a side
     */
    public static Parameters.Built<Vit> load(Path folder, int side, Backend backend, Scope scope) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        VitConfig stored = config(json);
        try (var file = Safetensors.open(folder)) {
            var opened = new Opened(file, stored, stored.withImage(side).grid());
            int layers = stored.stack().layers();
            return switch (type(json)) {
                case MaeFolder.TYPE, SimMimFolder.TYPE -> opened.own(names(json), backend, scope);
                case "timm" -> opened.foreign(VitLayout.timm(layers, stored.channels()), backend, scope);
                default -> opened.foreign(VitLayout.huggingFaceEncoder(layers, stored.channels()), backend, scope);
            };
        }
    }

    /** Every parameter of a model of ours, whose encoder is a part of it. */
    private static Set<String> names(ConfigJson json) throws CheckpointException {
        if (type(json).equals(SimMimFolder.TYPE)) {
            SimMimConfig config = SimMimFolder.parse(json);
            return Parameters.shapes(p -> new SimMim(config, p)).keySet();
        }
        MaeConfig config = MaeFolder.parse(json);
        return Parameters.shapes(p -> new Mae(config, p)).keySet();
    }

    /**
     * A file that holds an encoder.
     *
     * @param grid patches of a side that are wanted
     */
    private record Opened(Safetensors file, VitConfig stored, int grid) {
        Parameters.Built<Vit> foreign(VitLayout layout, Backend backend, Scope scope) throws IOException {
            String prefix = layout.layout().prefix();
            int width = stored.stack().width();
            return read(StoredPositions.read(file, prefix, layout.positions(), width), layout.layout(), backend, scope);
        }

        Parameters.Built<Vit> own(Set<String> all, Backend backend, Scope scope) throws IOException {
            Set<String> names = new LinkedHashSet<>(
                    Parameters.shapes(p -> new Vit(stored, p)).keySet());
            names.remove(VitLayout.POSITIONS);
            Set<String> others = new LinkedHashSet<>(all);
            others.removeAll(names);
            int width = stored.stack().width();
            boolean fixed = stored.stack().positions() == MaeConfig.Positions.SIN_COS;
            float[] table = SinCosPositions.grid(stored.grid(), stored.grid(), width);
            if (!fixed) {
                file.copyTo(VitLayout.POSITIONS, MemorySegment.ofArray(table));
            }
            var positions = StoredPositions.of(table, stored.grid(), width, fixed);
            return read(positions, Layout.own(names, others), backend, scope);
        }

        private Parameters.Built<Vit> read(StoredPositions found, Layout layout, Backend backend, Scope scope)
                throws IOException {
            StoredPositions positions = found.resized(grid);
            VitConfig config = stored.withImage(grid * stored.patch())
                    .withStack(stored.stack().withPositions(positions.kind()));
            Parameters.Built<Vit> built = Parameters.build(backend, scope, 0, p -> new Vit(config, p));
            Map<String, float[]> tables = Map.of(VitLayout.POSITIONS, positions.grid());
            VitWeights.read(file, layout, built, backend, tables, positions.classToken());
            return built;
        }
    }
}
