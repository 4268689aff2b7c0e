package cloze.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/** Thrown if a file cannot be used: {@code <file>: <place> must be <expected>, but is <actual>}. */
public final class CheckpointException extends IOException {
    private static final long serialVersionUID = 1L;
    private static final int LONGEST_QUOTE = 120;

    /**
     * @param place the wrong item, such as {@code shape of h.0.ln_1.weight}; it is quoted, so it may come from the file
     */
    public CheckpointException(Path file, String place, String expected, String actual) {
        super(String.format(Locale.ROOT, "%s: %s must be %s, but is %s", file, quote(place), expected, quote(actual)));
    }

    public CheckpointException(Path file, String message) {
        super(file + ": " + message);
    }

    /** Makes text of an untrusted file printable on one line: replaces control characters and shortens it. */
    public static String quote(String text) {
        var quoted = new StringBuilder();
        for (int i = 0; i < text.length() && quoted.length() < LONGEST_QUOTE; i++) {
            char c = text.charAt(i);
            boolean visible = c >= ' ' && c != 0x7f && !(c >= 0x80 && c < 0xa0) && Character.isDefined(c);
            quoted.append(
                    visible && !Character.isSurrogate(c)
                            ? String.valueOf(c)
                            : String.format(Locale.ROOT, "\\u%04x", (int) c));
        }
        return quoted.length() < LONGEST_QUOTE ? quoted.toString() : quoted + "...";
    }
}
