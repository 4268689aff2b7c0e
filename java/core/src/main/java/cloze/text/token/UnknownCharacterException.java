package cloze.text.token;

import java.io.Serial;
import java.util.Locale;

/** Thrown if a text contains a character that is not in the vocabulary of a {@link CharTokenizer}. */
public final class UnknownCharacterException extends IllegalArgumentException {
    @Serial
    private static final long serialVersionUID = 1;

    private final int codePoint;
    private final int offset;

    UnknownCharacterException(int codePoint, int offset, int vocabulary) {
        super(String.format(
                Locale.ROOT,
                "CharTokenizer: text must be made of the %d characters of the vocabulary, but byte %d holds %s",
                vocabulary,
                offset,
                describe(codePoint)));
        this.codePoint = codePoint;
        this.offset = offset;
    }

    public static String describe(int codePoint) {
        String shown = Character.isISOControl(codePoint) ? "" : " '" + Character.toString(codePoint) + "'";
        return String.format(Locale.ROOT, "U+%04X%s", codePoint, shown);
    }

    public int codePoint() {
        return codePoint;
    }

    /** Byte offset of the character in the text given to {@code encode}. */
    public int offset() {
        return offset;
    }
}
