package cloze.text.token;

/**
 * The four character classes of the patterns of byte-level BPE: {@code \p{L}}, {@code \p{N}}, {@code \s} and the rest,
 * in a table of one byte per code point.
 */
public final class CharacterClass {
    static final byte OTHER = 0;
    public static final byte LETTER = 1;
    static final byte NUMBER = 2;
    static final byte SPACE = 3;

    /** Covers planes 0 to 3: there are no letters, numbers or spaces above. */
    private static final byte[] TABLE = new byte[0x40000];

    static {
        for (int c = 0; c < TABLE.length; c++) {
            TABLE[c] = of(c);
        }
    }

    private CharacterClass() {}

    private static byte of(int c) {
        return switch (Character.getType(c)) {
            case Character.UPPERCASE_LETTER,
                    Character.LOWERCASE_LETTER,
                    Character.TITLECASE_LETTER,
                    Character.MODIFIER_LETTER,
                    Character.OTHER_LETTER -> LETTER;
            case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> NUMBER;
            case Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> SPACE;
            default -> (c >= '\t' && c <= '\r') || c == 0x85 ? SPACE : OTHER;
        };
    }

    static byte ofCodePoint(int c) {
        return c < TABLE.length ? TABLE[c] : OTHER;
    }

    /** Class of the code point at i of valid UTF-8. */
    public static byte at(byte[] utf8, int i) {
        byte b = utf8[i];
        return b >= 0 ? TABLE[b] : ofCodePoint(Utf8.codePoint(utf8, i));
    }

    /** End of the run of code points of one class that starts at i. */
    static int run(byte[] utf8, int i, int to, byte kind) {
        int end = i;
        while (end < to) {
            byte b = utf8[end];
            if (b >= 0) {
                if (TABLE[b] != kind) {
                    break;
                }
                end++;
            } else {
                if (ofCodePoint(Utf8.codePoint(utf8, end)) != kind) {
                    break;
                }
                end += Utf8.length(b);
            }
        }
        return end;
    }
}
