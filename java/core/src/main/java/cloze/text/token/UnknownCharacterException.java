package cloze.text.token;

import java.io.Serial;

/** A text holds a character that the vocabulary of a {@link CharTokenizer} lacks. */
public final class UnknownCharacterException extends IllegalArgumentException {
    @Serial
    private static final long serialVersionUID = 1;

    private final int codePoint;
    private final int offset;

    UnknownCharacterException(int codePoint, int offset, int vocabulary) {
        super("CharTokenizer: text must be made of the %d characters of the vocabulary, but byte %d holds %s"
                .formatted(vocabulary, offset, describe(codePoint)));
        this.codePoint = codePoint;
        this.offset = offset;
    }

    public static String describe(int codePoint) {
        String shown = Character.isISOControl(codePoint) ? "" : " '" + Character.toString(codePoint) + "'";
        return "U+%04X%s".formatted(codePoint, shown);
    }

    public int codePoint() {
        return codePoint;
    }

    /** Bytes from the start of the text that was given to {@code encode}. */
    public int offset() {
        return offset;
    }
}
