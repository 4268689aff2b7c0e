package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.Safetensors;
import cloze.image.Normalization;
import cloze.model.Vit;
import cloze.model.VitConfig;
import cloze.nn.ParameterSource;
import cloze.nn.Parameters;
import cloze.nn.SinCosPositions;
import cloze.nn.Stack;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Encoders in files: vision transformers of Hugging Face ({@code vit}, and the encoder of {@code vit_mae}) and of timm,
 * such as {@code vit_base_patch16_224.mae}; and the encoder inside a Cloze model. Positions are interpolated for images
 * of another size.
 */
public final class VitFolder {
    private static final Set<String> TYPES = Set.of("vit_mae", "vit");

    private VitFolder() {}

    /** True if a folder with this {@code config.json} holds a foreign encoder. */
    public static boolean recognises(ConfigJson json) throws CheckpointException {
        return isTimm(json) || TYPES.contains(json.text("model_type", ""));
    }

    private static boolean isTimm(ConfigJson json) {
        return json.has("architecture");
    }

    /** The sizes in a foreign folder. Only the weights show if positions are learned. */
    public static VitConfig config(Path folder) throws IOException {
        return config(ConfigJson.read(folder));
    }

    private static VitConfig config(ConfigJson json) throws CheckpointException {
        if (!recognises(json)) {
            String type = json.text("model_type", "");
            throw new CheckpointException(
                    json.file(),
                    "model_type",
                    "vit or vit_mae, or given architecture",
                    String.format(Locale.ROOT, "'%s'", type));
        }
        return isTimm(json) ? ForeignVit.timm(json) : ForeignVit.vit(json);
    }

    /**
     * The shift and scale of images in a foreign folder: {@code preprocessor_config.json} of Hugging Face or {@code
     * pretrained_cfg} of timm; those of ImageNet if neither says.
     */
    public static Normalization normalization(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        int channels = config(json).channels();
        Path preprocessor = folder.resolve(ForeignVit.PREPROCESSOR);
        ConfigJson timm = json.object("pretrained_cfg");
        Normalization found;
        if (Files.exists(preprocessor)) {
            found = normalization(ConfigJson.read(preprocessor), "image_mean", "image_std");
        } else if (timm.has("mean")) {
            found = normalization(timm, "mean", "std");
        } else {
            found = Normalization.IMAGENET;
        }
        if (found.channels() != channels) {
            throw new CheckpointException(
                    json.file(),
                    "normalization",
                    String.format(Locale.ROOT, "means of %d channels", channels),
                    "" + found.mean());
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
     * An encoder in an open file, with positions for some size of images.
     *
     * @param config for that size; its positions are learned if they are no sines and cosines any more
     */
    private record Opened(
            Safetensors file, Layout layout, VitConfig config, boolean pooledNorm, StoredPositions positions) {
        static Opened of(
                Safetensors file,
                Layout layout,
                VitConfig stored,
                boolean pooledNorm,
                StoredPositions found,
                int side) {
            VitConfig wanted = stored.withImage(side);
            StoredPositions positions = found.resized(wanted.grid());
            VitConfig config = wanted.withStack(stored.stack().withPositions(positions.kind()));
            return new Opened(file, layout, config, pooledNorm, positions);
        }

        Parameters.Built<Vit> load(Backend backend, Scope scope) throws IOException {
            Map<String, float[]> tables = Map.of(Vit.POSITIONS, positions.grid());
            return VitWeights.load(
                    file, layout, tables, positions.classToken(), backend, scope, p -> vit(config, pooledNorm, p));
        }
    }

    private static Vit vit(VitConfig config, boolean pooledNorm, ParameterSource p) {
        return pooledNorm ? Vit.withPooledNorm(config, p) : new Vit(config, p);
    }

    /** True if the last norm is behind the pooling: fine-tuned by the mean of the patches, {@code global_pool="avg"}. */
    private static boolean hasPooledNorm(Collection<String> names) {
        return names.contains(Vit.POOLED_NORM + ".weight") && !names.contains("norm.weight");
    }

    private static Opened open(Path folder, Safetensors file, int side) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        VitConfig stored = config(json);
        int layers = stored.stack().layers();
        boolean pooledNorm = isTimm(json) && hasPooledNorm(file.tensors().keySet());
        VitLayout layout = isTimm(json)
                ? VitLayout.timm(layers, stored.channels(), pooledNorm ? Vit.POOLED_NORM : "norm")
                : VitLayout.huggingFaceEncoder(layers, stored.channels());
        StoredPositions found = StoredPositions.read(
                file,
                layout.layout().prefix(),
                layout.positions(),
                stored.stack().width(),
                stored.grid());
        return Opened.of(file, layout.layout(), stored, pooledNorm, found, side);
    }

    /** As {@link #config(Path)}, for images of {@code side} pixels, with the kind of positions that the weights show. */
    public static VitConfig config(Path folder, int side) throws IOException {
        try (var file = Safetensors.open(folder)) {
            return open(folder, file, side).config();
        }
    }

    /**
     * Reads a foreign encoder.
     *
     * @param side pixels of a side of the images
     * @param scope owns the parameters
     */
    public static Parameters.Built<Vit> load(Path folder, int side, Backend backend, Scope scope) throws IOException {
        try (var file = Safetensors.open(folder)) {
            return open(folder, file, side).load(backend, scope);
        }
    }

    private static Opened own(Safetensors file, VitConfig stored, Collection<String> all, int side)
            throws CheckpointException {
        Map<String, Shape> shapes = Parameters.shapes(p -> vit(stored, hasPooledNorm(all), p));
        Layout.own(shapes.keySet(), all).check(file, shapes);
        Set<String> names = new LinkedHashSet<>(shapes.keySet());
        names.remove(Vit.POSITIONS);
        Set<String> others = new LinkedHashSet<>(all);
        others.removeAll(names);
        int width = stored.stack().width();
        boolean fixed = stored.stack().positions() == Stack.Positions.SIN_COS;
        float[] table = SinCosPositions.grid(stored.grid(), stored.grid(), width);
        if (!fixed) {
            file.copyTo(Vit.POSITIONS, MemorySegment.ofArray(table));
        }
        var positions = StoredPositions.of(table, stored.grid(), width, fixed);
        return Opened.of(file, Layout.own(names, others), stored, hasPooledNorm(all), positions, side);
    }

    /**
     * Reads the encoder inside a Cloze model.
     *
     * @param stored its sizes
     * @param all names of the whole model's parameters
     * @param side pixels of a side of the images
     * @param scope owns the parameters
     */
    public static Parameters.Built<Vit> loadOwn(
            Path folder, VitConfig stored, Collection<String> all, int side, Backend backend, Scope scope)
            throws IOException {
        try (var file = Safetensors.open(folder)) {
            return own(file, stored, all, side).load(backend, scope);
        }
    }
}
