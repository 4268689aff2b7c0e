package cloze.checkpoint;

/** Collects the content of one checkpoint: the weights and the training state. */
public final class CheckpointWriter {
    private final SafetensorsWriter model = new SafetensorsWriter();
    private final SafetensorsWriter state = new SafetensorsWriter();

    CheckpointWriter(long generation, long step) {
        if (step < 0) {
            throw new IllegalArgumentException("CheckpointFolder: step must be at least 0, but is " + step);
        }
        for (SafetensorsWriter file : new SafetensorsWriter[] {model, state}) {
            file.metadata("format", "pt"); // Hugging Face's loader refuses a file without it
            file.metadata(Checkpoint.GENERATION, "" + generation).metadata(Checkpoint.STEP, "" + step);
        }
    }

    /** The weights, under the public names of the model's layout. */
    public SafetensorsWriter model() {
        return model;
    }

    /** The training state: moments and averages as tensors, all other values as metadata. */
    public SafetensorsWriter state() {
        return state;
    }

    /** Stores a text in the state. */
    public CheckpointWriter put(String key, String text) {
        state.metadata(key, text);
        return this;
    }

    /** Stores an integer in the state. */
    public CheckpointWriter put(String key, long number) {
        return put(key, Long.toString(number));
    }

    /** Stores a number in the state, exact to the bit. */
    public CheckpointWriter put(String key, double number) {
        return put(key, Double.toString(number));
    }
}
