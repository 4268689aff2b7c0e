package cloze.text;

/**
 * How a text becomes a token file.
 *
 * @param threads that encode at once
 * @param strict broken UTF-8 is an error, not U+FFFD and a count
 * @param endOfText each document ends with the tokenizer's end of text, if it has one
 * @param checkpointBytes of text after which an encode that was killed can go on
 */
public record EncodeOptions(int threads, boolean strict, boolean endOfText, long checkpointBytes) {
    public EncodeOptions {
        if (threads < 1 || checkpointBytes < 1) {
            throw new IllegalArgumentException("EncodeOptions: threads and checkpointBytes must be at least 1, but are "
                    + threads + " and " + checkpointBytes);
        }
    }

    public static EncodeOptions standard() {
        return new EncodeOptions(Runtime.getRuntime().availableProcessors(), false, true, 64L << 20);
    }

    public EncodeOptions withThreads(int count) {
        return new EncodeOptions(count, strict, endOfText, checkpointBytes);
    }

    public EncodeOptions withStrict(boolean refuse) {
        return new EncodeOptions(threads, refuse, endOfText, checkpointBytes);
    }

    public EncodeOptions withEndOfText(boolean end) {
        return new EncodeOptions(threads, strict, end, checkpointBytes);
    }

    public EncodeOptions withCheckpointBytes(long bytes) {
        return new EncodeOptions(threads, strict, endOfText, bytes);
    }
}
