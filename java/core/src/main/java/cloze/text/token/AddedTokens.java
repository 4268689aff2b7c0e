package cloze.text.token;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Tokens that are searched in the text before it is split into words: the leftmost match, and there the longest, as in
 * the Hugging Face library.
 */
public final class AddedTokens {
    /** An entry of {@code added_tokens}. */
    public record Token(
            int id,
            String content,
            boolean singleWord,
            boolean lstrip,
            boolean rstrip,
            boolean normalized,
            boolean special) {
        public static Token special(int id, String content) {
            return new Token(id, content, false, false, false, false, true);
        }
    }

    private static final Set<Integer> WORD_TYPES = Set.of(
            (int) Character.NON_SPACING_MARK,
            (int) Character.COMBINING_SPACING_MARK,
            (int) Character.ENCLOSING_MARK,
            (int) Character.DECIMAL_DIGIT_NUMBER,
            (int) Character.CONNECTOR_PUNCTUATION);

    private static final class Entry {
        final byte[] bytes;
        final Token token;

        Entry(Token token) {
            this.token = token;
            bytes = token.content().getBytes(StandardCharsets.UTF_8);
        }
    }

    private final List<Token> tokens;
    private final Entry[][] byFirst = new Entry[256][];
    private final int longest;

    public AddedTokens(List<Token> tokens) {
        this.tokens = List.copyOf(tokens);
        List<List<Entry>> lists = new ArrayList<>();
        for (int b = 0; b < 256; b++) {
            lists.add(new ArrayList<>());
        }
        for (Token token : tokens) {
            Entry entry = new Entry(token);
            if (entry.bytes.length > 0) {
                lists.get(entry.bytes[0] & 0xFF).add(entry);
            }
        }
        longest = lists.stream()
                .flatMap(List::stream)
                .mapToInt(e -> e.bytes.length)
                .max()
                .orElse(0);
        for (int b = 0; b < 256; b++) {
            lists.get(b).sort(Comparator.comparingInt((Entry e) -> -e.bytes.length));
            byFirst[b] = lists.get(b).toArray(Entry[]::new);
        }
    }

    List<Token> tokens() {
        return tokens;
    }

    public int longest() {
        return longest;
    }

    /** True if a cut at {@code place} splits a token, or separates it from spaces that it strips. */
    public boolean spans(byte[] utf8, int from, int place, int to) {
        for (int start = Math.max(from, place - longest); start < place; start++) {
            Entry entry = match(utf8, start, to);
            int end = entry == null ? 0 : start + entry.bytes.length;
            if (entry != null && (end > place || (end == place && entry.token.rstrip()))) {
                return true;
            }
        }
        return false;
    }

    /** Appends the ids of tokens found to {@code out} and passes the text between them to {@code rest}, in order. */
    public void split(byte[] utf8, int from, int to, TokenBuffer out, PreTokenizer.Pieces rest) {
        int done = from;
        int i = tokens.isEmpty() ? to : from;
        while (i < to) {
            Entry entry = byFirst[utf8[i] & 0xFF].length == 0 ? null : match(utf8, i, to);
            if (entry == null) {
                i++;
                continue;
            }
            int end = i + entry.bytes.length;
            Token token = entry.token;
            if (!token.singleWord() || isWordAlone(utf8, from, i, end, to)) {
                int start = token.lstrip() ? spacesBefore(utf8, i, done) : i;
                end = token.rstrip() ? CharacterClass.run(utf8, end, to, CharacterClass.SPACE) : end;
                if (start > done) {
                    rest.piece(utf8, done, start);
                }
                out.add(token.id());
                done = end;
            }
            i = end;
        }
        if (done < to) {
            rest.piece(utf8, done, to);
        }
    }

    private @Nullable Entry match(byte[] utf8, int at, int to) {
        for (Entry entry : byFirst[utf8[at] & 0xFF]) {
            if (at + entry.bytes.length <= to && Utf8.equal(utf8, at, entry.bytes)) {
                return entry;
            }
        }
        return null;
    }

    private static boolean isWordAlone(byte[] utf8, int from, int start, int end, int to) {
        boolean before = start > from && isWord(Utf8.codePoint(utf8, Utf8.before(utf8, start, from)));
        return !before && !(end < to && isWord(Utf8.codePoint(utf8, end)));
    }

    /** {@code \w}: letters, marks, decimal digits, connectors, joiners. */
    private static boolean isWord(int c) {
        return Character.isAlphabetic(c) || c == 0x200C || c == 0x200D || WORD_TYPES.contains(Character.getType(c));
    }

    private static int spacesBefore(byte[] utf8, int start, int done) {
        int i = start;
        while (i > done) {
            int before = Utf8.before(utf8, i, done);
            if (CharacterClass.at(utf8, before) != CharacterClass.SPACE) {
                break;
            }
            i = before;
        }
        return i;
    }
}
