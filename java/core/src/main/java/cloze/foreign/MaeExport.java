package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.ConfigJson;
import cloze.image.Normalization;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.nn.Parameters;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A masked autoencoder under somebody else's names and in their shapes. */
public enum MaeExport {
    /** {@code ViTMAEForPreTraining}, with {@code config.json} and {@code preprocessor_config.json}. */
    HUGGING_FACE,
    /** The paper's code; sizes and normalisation are no part of it. */
    PAPER,
    /** The encoder for timm, with its {@code config.json}. */
    TIMM;

    /**
     * Writes weights and configuration into a folder.
     *
     * @param normalization of the images that the model was trained on
     * @throws IllegalArgumentException if the format has no place for a setting of the model
     */
    public void write(Path folder, Mae mae, Parameters parameters, Normalization normalization, Backend backend)
            throws IOException {
        MaeConfig c = mae.config();
        requireEpsilon(c);
        Files.createDirectories(folder);
        switch (this) {
            case HUGGING_FACE -> {
                ConfigJson.write(folder, ForeignVit.json(c));
                ConfigJson.write(folder.resolve(ForeignVit.PREPROCESSOR), ForeignVit.json(c.image(), normalization));
            }
            case TIMM -> ConfigJson.write(folder, ForeignVit.json(c.vit(), normalization));
            case PAPER -> {}
        }
        VitWeights.export(folder, layout(c), c, parameters, backend);
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
            case PAPER -> encoder == MaeConfig.Stack.EPSILON && decoder == encoder;
            case TIMM -> encoder == MaeConfig.Stack.EPSILON;
        };
        if (!fits) {
            throw new IllegalArgumentException(
                    "%s has no place for norms with epsilons of %s and %s".formatted(this, encoder, decoder));
        }
    }
}
