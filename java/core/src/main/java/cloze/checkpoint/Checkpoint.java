package cloze.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/** Weights and training state after one step, mapped into memory. */
public final class Checkpoint implements AutoCloseable {
    static final String MODEL = Safetensors.MODEL;
    static final String STATE = "state.safetensors";
    static final String STEP = "step";
    static final String GENERATION = "generation";

    private final long step;
    private final Safetensors model;
    private final Safetensors state;

    private Checkpoint(long step, Safetensors model, Safetensors state) {
        this.step = step;
        this.model = model;
        this.state = state;
    }

    /** Opens both files and checks that they are of the same step. */
    static Checkpoint open(Path folder, long generation, long step) throws IOException {
        Safetensors model = Safetensors.open(folder.resolve(MODEL));
        try {
            requireMoment(model, generation, step);
            Safetensors state = Safetensors.open(folder.resolve(STATE));
            try {
                requireMoment(state, generation, step);
                return new Checkpoint(step, model, state);
            } catch (IOException e) {
                state.close();
                throw e;
            }
        } catch (IOException e) {
            model.close();
            throw e;
        }
    }

    private static void requireMoment(Safetensors file, long generation, long step) throws CheckpointException {
        String expected = String.format(Locale.ROOT, "generation %d, step %d", generation, step);
        String actual = String.format(
                Locale.ROOT,
                "generation %s, step %s",
                file.metadata().get(GENERATION),
                file.metadata().get(STEP));
        if (!expected.equals(actual)) {
            throw new CheckpointException(file.path(), "moment", expected, actual);
        }
    }

    /** The step after which this was written. */
    public long step() {
        return step;
    }

    /** The weights. */
    public Safetensors model() {
        return model;
    }

    /** The training state without the weights. */
    public Safetensors state() {
        return state;
    }

    /** A value that {@link CheckpointWriter#put(String, String)} stored. */
    public String text(String key) throws CheckpointException {
        String text = state.metadata().get(key);
        if (text == null) {
            throw new CheckpointException(state.path(), "metadata " + key, "in the file", "missing");
        }
        return text;
    }

    /** A value that {@link CheckpointWriter#put(String, long)} stored. */
    public long whole(String key) throws CheckpointException {
        String text = text(key);
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new CheckpointException(state.path(), "metadata " + key, "a whole number", text);
        }
    }

    /** A value that {@link CheckpointWriter#put(String, double)} stored. */
    public double number(String key) throws CheckpointException {
        String text = text(key);
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException e) {
            throw new CheckpointException(state.path(), "metadata " + key, "a number", text);
        }
    }

    @Override
    public void close() {
        model.close();
        state.close();
    }
}
