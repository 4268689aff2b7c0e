package cloze.text.token;

import java.util.ArrayList;
import java.util.List;

/**
 * The pre-tokenizers {@code Split} and {@code Digits} of a tokenizer.json, by {@link Regex}.
 *
 * @param invert true to treat the gaps between matches as matches
 */
record SplitRule(Regex pattern, Behavior behavior, boolean invert) implements PreTokenizer {
    enum Behavior {
        ISOLATED,
        REMOVED,
        MERGED_WITH_PREVIOUS,
        MERGED_WITH_NEXT,
        CONTIGUOUS
    }

    private record Piece(int from, int to, boolean match) {}

    @Override
    public void split(byte[] utf8, int from, int to, Pieces out) {
        for (Piece piece : merged(pieces(utf8, from, to))) {
            if (piece.to() > piece.from() && !(piece.match() && behavior == Behavior.REMOVED)) {
                out.piece(utf8, piece.from(), piece.to());
            }
        }
    }

    private List<Piece> pieces(byte[] utf8, int from, int to) {
        List<Piece> pieces = new ArrayList<>();
        Regex.Matcher matcher = pattern.matcher(utf8, from, to);
        int end = from;
        while (matcher.find()) {
            if (matcher.start() > end) {
                pieces.add(new Piece(end, matcher.start(), invert));
            }
            pieces.add(new Piece(matcher.start(), matcher.end(), !invert));
            end = matcher.end();
        }
        if (end < to) {
            pieces.add(new Piece(end, to, invert));
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
}
