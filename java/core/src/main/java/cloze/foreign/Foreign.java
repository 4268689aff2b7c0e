package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * A foreign file layout for one kind of model: config, names and shapes of parameters. Stateless and thread-safe.
 *
 * @param <M> the model
 */
public interface Foreign<M> {
    /** The name in commands, such as {@code huggingface}. */
    String word();

    /** True if a folder with this {@code config.json} holds such a model. */
    boolean recognises(ConfigJson config) throws CheckpointException;

    /**
     * Reads a model that {@link #recognises} has accepted.
     *
     * @param scope owns the parameters
     * @throws IOException naming the file and what is wrong with it
     */
    Parameters.Built<M> load(Path folder, Backend backend, Scope scope) throws IOException;

    /** The parts of a model besides its weights, such as a tokenizer. */
    Companions companions(Path folder) throws IOException;

    /**
     * Writes a model.
     *
     * @param folder exists
     * @param companions parts of the model besides its weights
     * @return names of the files
     * @throws IllegalArgumentException if the layout can not store a setting of the model
     */
    List<String> save(Path folder, Parameters.Built<M> model, Companions companions, Backend backend)
            throws IOException;
}
