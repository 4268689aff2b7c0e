package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.Safetensors;
import cloze.image.Normalization;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.model.Vit;
import cloze.nn.Parameters;
import cloze.nn.Stack;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Masked autoencoders in foreign layouts. Positions are read as fixed if they are the sines and cosines of the paper,
 * and as learned if not. The class token's position, which is always added to it, becomes part of it.
 */
public enum ForeignMae implements Foreign<Mae> {
    /** {@code ViTMAEForPreTraining}, with {@code config.json} and {@code preprocessor_config.json}. */
    HUGGING_FACE("huggingface"),
    /** The encoder for timm, with its {@code config.json}. Only written; {@link VitFolder} reads it as an encoder. */
    TIMM("timm"),
    /** The paper's code. Its files hold no sizes; {@link #loadPaper} takes them as an argument. */
    PAPER("paper");

    private static final String TYPE = "vit_mae";

    private final String word;

    ForeignMae(String word) {
        this.word = word;
    }

    @Override
    public String word() {
        return word;
    }

    @Override
    public boolean recognises(ConfigJson config) throws CheckpointException {
        return this == HUGGING_FACE && config.text("model_type", "").equals(TYPE);
    }

    /** Sizes in a {@code config.json} of Hugging Face. Only the weights show if positions are learned. */
    public static MaeConfig config(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        json.requireText("model_type", "", List.of(TYPE));
        return ForeignVit.mae(json);
    }

    @Override
    public Parameters.Built<Mae> load(Path folder, Backend backend, Scope scope) throws IOException {
        MaeConfig config = config(folder);
        try (var file = Safetensors.open(folder)) {
            int layers = config.encoder().layers();
            int decoderLayers = config.decoder().layers();
            Set<String> names = file.tensors().keySet();
            return load(
                    file,
                    VitLayout.huggingFace(layers, decoderLayers, config.channels(), names),
                    config,
                    backend,
                    scope);
        }
    }

    /**
     * Reads weights under the names of the paper's code.
     *
     * @param file safetensors, or a folder with {@code model.safetensors}
     * @param config sizes, which the file does not hold
     */
    public static Parameters.Built<Mae> loadPaper(Path file, MaeConfig config, Backend backend, Scope scope)
            throws IOException {
        try (var opened = Safetensors.open(file)) {
            return load(opened, PAPER.layout(config), config, backend, scope);
        }
    }

    private static Parameters.Built<Mae> load(
            Safetensors file, VitLayout layout, MaeConfig sizes, Backend backend, Scope scope) throws IOException {
        StoredPositions encoder = positions(file, layout.positions(), sizes.encoder(), sizes.grid());
        StoredPositions decoder =
                positions(file, Objects.requireNonNull(layout.decoderPositions()), sizes.decoder(), sizes.grid());
        MaeConfig config = sizes.withEncoder(sizes.encoder().withPositions(encoder.kind()))
                .withDecoder(sizes.decoder().withPositions(decoder.kind()));
        return VitWeights.load(
                file,
                layout.layout(),
                Map.of(Vit.POSITIONS, encoder.grid(), Mae.DECODER_POSITIONS, decoder.all()),
                encoder.classToken(),
                backend,
                scope,
                p -> new Mae(config, p));
    }

    private static StoredPositions positions(Safetensors file, String name, Stack stack, int grid)
            throws CheckpointException {
        return StoredPositions.read(file, "", name, stack.width(), grid);
    }

    @Override
    public Companions companions(Path folder) throws IOException {
        return Companions.of(VitFolder.normalization(folder), List.of());
    }

    @Override
    public List<String> save(Path folder, Parameters.Built<Mae> model, Companions companions, Backend backend)
            throws IOException {
        MaeConfig c = model.model().config();
        requireEpsilon(c);
        Normalization normalization = companions.normalization();
        if (normalization == null) {
            throw new IllegalArgumentException("its images have no normalization");
        }
        List<String> files = switch (this) {
            case HUGGING_FACE -> {
                ConfigJson.write(folder, ForeignVit.json(c));
                ConfigJson.write(folder.resolve(ForeignVit.PREPROCESSOR), ForeignVit.json(c.image(), normalization));
                yield List.of("config.json", ForeignVit.PREPROCESSOR, "model.safetensors");
            }
            case TIMM -> {
                ConfigJson.write(folder, ForeignVit.json(c.vit(), normalization));
                yield List.of("config.json", "model.safetensors");
            }
            case PAPER -> List.of("model.safetensors");
        };
        VitWeights.export(folder, layout(c), c, model.parameters(), backend);
        return files;
    }

    private VitLayout layout(MaeConfig c) {
        int layers = c.encoder().layers();
        int decoderLayers = c.decoder().layers();
        return switch (this) {
            case HUGGING_FACE -> VitLayout.huggingFace(layers, decoderLayers, c.channels());
            case PAPER -> VitLayout.paper(layers, decoderLayers, c.channels());
            case TIMM -> VitLayout.timm(layers, c.channels());
        };
    }

    private void requireEpsilon(MaeConfig c) {
        float encoder = c.encoder().epsilon();
        float decoder = c.decoder().epsilon();
        boolean fits = switch (this) {
            case HUGGING_FACE -> encoder == decoder;
            case PAPER -> encoder == Stack.EPSILON && decoder == encoder;
            case TIMM -> encoder == Stack.EPSILON;
        };
        if (!fits) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "%s has no place for norms with epsilons of %s and %s", word, encoder, decoder));
        }
    }
}
