package cloze.text.token;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The pre-tokenizers {@code Split} and {@code Digits} of a tokenizer.json, by {@link Pattern}.
 *
 * @param invert true to treat the gaps between matches as matches
 */
record SplitRule(Pattern pattern, Behavior behavior, boolean invert) implements PreTokenizer {
    enum Behavior {
        ISOLATED,
        REMOVED,
        MERGED_WITH_PREVIOUS,
        MERGED_WITH_NEXT,
        CONTIGUOUS
    }

    private record Piece(int from, int to, boolean match) {}

    /**
     * Compiles a pattern with Oniguruma's meaning where Java's differs: Unicode classes, {@code ^} at lines, scripts.
     */
    static Pattern compile(String regex) {
        String scripts = regex.replaceAll(
                "\\\\p\\{(\\^?)(Han|Hiragana|Katakana|Hangul|Latin|Cyrillic|Arabic|Thai)}", "\\\\p{Is$2}");
        return Pattern.compile(scripts, Pattern.UNICODE_CHARACTER_CLASS | Pattern.UNIX_LINES | Pattern.MULTILINE);
    }

    @Override
    public void split(byte[] utf8, int from, int to, Pieces out) {
        String text = Utf8.string(utf8, from, to);
        int at = from;
        int done = 0;
        for (Piece piece : merged(pieces(text))) {
            at += utf8Length(text, done, piece.from());
            int end = at + utf8Length(text, piece.from(), piece.to());
            if (end > at && !(piece.match() && behavior == Behavior.REMOVED)) {
                out.piece(utf8, at, end);
            }
            at = end;
            done = piece.to();
        }
    }

    private List<Piece> pieces(String text) {
        List<Piece> pieces = new ArrayList<>();
        Matcher matcher = pattern.matcher(text);
        int end = 0;
        while (matcher.find()) {
            if (matcher.start() > end) {
                pieces.add(new Piece(end, matcher.start(), invert));
            }
            pieces.add(new Piece(matcher.start(), matcher.end(), !invert));
            end = matcher.end();
        }
        if (end < text.length()) {
            pieces.add(new Piece(end, text.length(), invert));
        }
        return pieces;
    }

    private List<Piece> merged(List<Piece> pieces) {
        return switch (behavior) {
            case ISOLATED, REMOVED -> pieces;
            case CONTIGUOUS, MERGED_WITH_PREVIOUS -> {
                List<Piece> merged = new ArrayList<>();
                boolean before = false;
                for (Piece piece : pieces) {
                    boolean join = behavior == Behavior.CONTIGUOUS ? piece.match() == before : piece.match() && !before;
                    join(merged, piece, join);
                    before = piece.match();
                }
                yield merged;
            }
            case MERGED_WITH_NEXT -> mergedWithNext(pieces);
        };
    }

    private static void join(List<Piece> merged, Piece piece, boolean join) {
        if (join && !merged.isEmpty()) {
            merged.add(new Piece(merged.removeLast().from(), piece.to(), false));
        } else {
            merged.add(piece);
        }
    }

    private static List<Piece> mergedWithNext(List<Piece> pieces) {
        List<Piece> merged = new ArrayList<>();
        boolean behind = false;
        for (Piece piece : pieces.reversed()) {
            if (piece.match() && !behind && !merged.isEmpty()) {
                merged.add(new Piece(piece.from(), merged.removeLast().to(), false));
            } else {
                merged.add(piece);
            }
            behind = piece.match();
        }
        return merged.reversed();
    }

    private static int utf8Length(String text, int from, int to) {
        int length = 0;
        for (int i = from; i < to; i++) {
            char c = text.charAt(i);
            length += c < 0x80 ? 1 : c < 0x800 || Character.isSurrogate(c) ? 2 : 3;
        }
        return length;
    }
}
