package cloze.text.token;

import static cloze.text.token.CharacterClass.SPACE;

/** GPT-2's pattern without a regular expression: {@value #REGEX}. */
public record Gpt2Pattern() implements PreTokenizer {
    static final String REGEX = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

    @Override
    public void split(byte[] utf8, int from, int to, Pieces out) {
        int start = from;
        while (start < to) {
            int end = end(utf8, start, to);
            out.piece(utf8, start, end);
            start = end;
        }
    }

    private static int end(byte[] utf8, int start, int to) {
        byte first = utf8[start];
        if (first == '\'') {
            int contraction = contraction(utf8, start, to);
            if (contraction > 0) {
                return contraction;
            }
        }
        int run = first == ' ' && start + 1 < to ? start + 1 : start;
        byte kind = CharacterClass.at(utf8, run);
        return kind == SPACE ? spaces(utf8, start, to) : CharacterClass.run(utf8, run, to, kind);
    }

    private static int contraction(byte[] utf8, int start, int to) {
        if (start + 1 >= to) {
            return 0;
        }
        return switch (utf8[start + 1]) {
            case 's', 't', 'm', 'd' -> start + 2;
            case 'r', 'v' -> start + 2 < to && utf8[start + 2] == 'e' ? start + 3 : 0;
            case 'l' -> start + 2 < to && utf8[start + 2] == 'l' ? start + 3 : 0;
            default -> 0;
        };
    }

    /** {@code \s+(?!\S)|\s+}: a run of spaces leaves its last space to the next word, unless it has only one. */
    static int spaces(byte[] utf8, int start, int to) {
        int end = CharacterClass.run(utf8, start, to, SPACE);
        if (end == to) {
            return end;
        }
        int last = Utf8.before(utf8, end, start);
        return last > start ? last : end;
    }
}
