package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.ConfigJson;
import cloze.model.MaskedImageModel;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;

/** A masked autoencoder or a SimMIM on disk, whichever its {@code config.json} says. */
public final class MaskedImageFolder {
    private MaskedImageFolder() {}

    /**
     * Reads a model from a run folder, or a masked autoencoder from one of Hugging Face.
     *
     * @param scope owns the parameters
     */
    public static Parameters.Built<MaskedImageModel> load(Path folder, Backend backend, Scope scope)
            throws IOException {
        Parameters.Built<? extends MaskedImageModel> built =
                ConfigJson.read(folder).text("model_type", "").equals(SimMimFolder.TYPE)
                        ? SimMimFolder.load(folder, backend, scope)
                        : MaeFolder.load(folder, backend, scope);
        return new Parameters.Built<>(built.model(), built.parameters());
    }
}
