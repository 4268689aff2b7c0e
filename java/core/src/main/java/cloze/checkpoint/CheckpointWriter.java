package cloze.checkpoint;


/** Takes what one checkpoint shall hold: the weights, and beside them the state of the training. */
public final class CheckpointWriter {
    private final SafetensorsWriter model = new SafetensorsWriter();
    private final SafetensorsWriter state = new SafetensorsWriter();

    CheckpointWriter(long generation, long step) {
        if (step < 0) {
            throw new IllegalArgumentException("CheckpointFolder: step must be at least 0, but is " + step);
        }
        for (SafetensorsWriter file : new SafetensorsWriter[] {model, state}) {
            file.metadata("format", "pt"); // without it Hugging Face's loader refuses the file
            file.metadata(Checkpoint.GENERATION, "" + generation).metadata(Checkpoint.STEP, "" + step);
        }
    }

    /** The weights, under the names that the model's users . */
    public SafetensorsWriter model() {
        return model;
    }

    /** Everything else: moments, averages, and as metadata what is not a tensor. */
    public SafetensorsWriter state() {
        return state;
    }

    /** Keeps a text with the state. */
    public CheckpointWriter put(String key, String text) {
        state.metadata(key, text);
        return this;
    }

    /** Keeps a whole number with the state. */
    public CheckpointWriter put(String key, long number) {
        return put(key, Long.toString(number));
    }

    /** Keeps a number with the state, to the bit. */
    public CheckpointWriter put(String key, double number) {
        return put(key, Double.toString(number));
    }
}
