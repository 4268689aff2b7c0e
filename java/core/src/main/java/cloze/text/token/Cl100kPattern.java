package cloze.text.token;

import static cloze.text.token.CharacterClass.LETTER;
import static cloze.text.token.CharacterClass.NUMBER;
import static cloze.text.token.CharacterClass.OTHER;
import static cloze.text.token.CharacterClass.SPACE;

/**
 * The pattern of GPT-4, Llama 3 (at most three digits) and Qwen 2 (one digit), without a regular expression.
 *
 * @param digits maximum length of a piece of {@code \p{N}}
 */
record Cl100kPattern(int digits) implements PreTokenizer {
    private static final String HEAD = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}";
    private static final String TAIL = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    static final String THREE_DIGITS = HEAD + "{1,3}" + TAIL;
    static final String ONE_DIGIT = HEAD + TAIL;

    @Override
    public void split(byte[] utf8, int from, int to, Pieces out) {
        int start = from;
        while (start < to) {
            int end = end(utf8, start, to);
            out.piece(utf8, start, end);
            start = end;
        }
    }

    private int end(byte[] utf8, int start, int to) {
        byte first = utf8[start];
        int contraction = first == '\'' ? contraction(utf8, start, to) : 0;
        if (contraction > 0) {
            return contraction;
        }
        byte kind = CharacterClass.at(utf8, start);
        if (kind == LETTER) {
            return CharacterClass.run(utf8, start, to, LETTER);
        }
        if (kind == NUMBER) {
            return numbers(utf8, start, to);
        }
        int second = start + Utf8.length(first);
        if (first != '\r' && first != '\n' && second < to && CharacterClass.at(utf8, second) == LETTER) {
            return CharacterClass.run(utf8, second, to, LETTER);
        }
        int run = first == ' ' ? second : start;
        if (run < to && CharacterClass.at(utf8, run) == OTHER) {
            return newlines(utf8, CharacterClass.run(utf8, run, to, OTHER), to);
        }
        return spaces(utf8, start, to);
    }

    /** {@code (?i:'s|...)}; U+017F, the long s, folds to s. */
    private static int contraction(byte[] utf8, int start, int to) {
        if (start + 1 >= to) {
            return 0;
        }
        int second = start + 2 < to ? utf8[start + 2] | 0x20 : 0;
        return switch (utf8[start + 1]) {
            case 's', 't', 'm', 'd', 'S', 'T', 'M', 'D' -> start + 2;
            case 'r', 'v', 'R', 'V' -> second == 'e' ? start + 3 : 0;
            case 'l', 'L' -> second == 'l' ? start + 3 : 0;
            case (byte) 0xC5 -> start + 2 < to && utf8[start + 2] == (byte) 0xBF ? start + 3 : 0;
            default -> 0;
        };
    }

    private int numbers(byte[] utf8, int start, int to) {
        int end = start;
        for (int n = 0; n < digits && end < to && CharacterClass.at(utf8, end) == NUMBER; n++) {
            end += Utf8.length(utf8[end]);
        }
        return end;
    }

    private static int newlines(byte[] utf8, int start, int to) {
        int end = start;
        while (end < to && (utf8[end] == '\r' || utf8[end] == '\n')) {
            end++;
        }
        return end;
    }

    /** {@code \s*[\r\n]+} ends after the last line break of the run; a run without one follows GPT-2's rule. */
    private static int spaces(byte[] utf8, int start, int to) {
        int end = CharacterClass.run(utf8, start, to, SPACE);
        for (int i = end - 1; i >= start; i--) {
            if (utf8[i] == '\r' || utf8[i] == '\n') {
                return i + 1;
            }
        }
        return Gpt2Pattern.spaces(utf8, start, to);
    }
}
