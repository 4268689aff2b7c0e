package cloze.text;

/**
 * Options for encoding a text into a token file.
 *
 * @param threads encoding threads
 * @param strict true to refuse invalid UTF-8, false to replace it by U+FFFD and count it
 * @param endOfText true to end each document with the tokenizer's end-of-text token, if it has one
 * @param checkpointBytes bytes of text between checkpoints, from which an interrupted encode resumes
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
