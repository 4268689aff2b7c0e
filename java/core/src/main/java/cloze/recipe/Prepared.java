package cloze.recipe;

import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.train.Evaluation;
import cloze.train.Objective;
import cloze.train.Preview;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A recipe with its data opened and its config fitted to them. Closed by the {@link Run} that uses it. */
public interface Prepared<C extends Record, M> extends AutoCloseable {
    /** The preset as it is trained: fitted to the data, with its length in steps. */
    Preset<C> preset();

    /** A description of the data in one line. */
    String describe();

    /** What the run is bound to: facts about the data, by name. */
    Map<String, String> identity() throws IOException;

    /** Writes files made from the data, such as a tokenizer, into the folder of a new run. */
    default void save(Path folder) throws IOException {}

    /** Gives the weights of {@link Start} to a new model. */
    default void begin(Parameters.Built<M> model, Backend backend) throws IOException {}

    /** The loss on the training data. */
    Objective objective(Parameters.Built<M> model) throws IOException;

    /** The metrics on the held-out data, {@code val_loss} among them. */
    Evaluation evaluation(Parameters.Built<M> model, Backend backend) throws IOException;

    /**
     * A sample of the model's output, or null.
     *
     * @param folder of the run, for pictures
     */
    default @Nullable Preview preview(Parameters.Built<M> model, Backend backend, Path folder) throws IOException {
        return null;
    }

    /** The results of a run that has ended. */
    Summary summary(Parameters.Built<M> model, Backend backend, List<TrainingEvent> events) throws IOException;

    /** The number of examples that could not be read so far. */
    default int unreadable() {
        return 0;
    }

    @Override
    void close() throws IOException;
}
