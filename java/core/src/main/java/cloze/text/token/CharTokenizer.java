package cloze.text.token;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * One token per Unicode code point. Its tokenizer.json has a {@code Split} on every character, a {@code WordLevel}
 * model and a {@code Fuse} decoder, which the Hugging Face library reads.
 */
public final class CharTokenizer implements Tokenizer {
    static final String UNKNOWN = "<unk>";

    private final int[] codePoints; // by id
    private final List<String> specials; // their ids follow the code points
    private final AddedTokens sought;
    private final boolean seeks;
    private final Map<Integer, Integer> others = new HashMap<>();
    private final int[] low = new int[0x3000]; // id by code point, or -1

    private CharTokenizer(int[] codePoints, List<String> specials, boolean seeks) {
        this.codePoints = codePoints;
        this.seeks = seeks;
        this.specials = List.copyOf(specials);
        sought = new AddedTokens(seeks ? addedTokens() : List.of());
        Arrays.fill(low, -1);
        for (int id = 0; id < codePoints.length; id++) {
            if (codePoints[id] < low.length) {
                low[codePoints[id]] = id;
            } else {
                others.put(codePoints[id], id);
            }
        }
    }

    /** Builds the vocabulary: the code points of the text in ascending order, then the special tokens. */
    public static CharTokenizer of(String text, String... specials) {
        return of(text.codePoints().distinct().sorted().toArray(), List.of(specials));
    }

    /** Builds the vocabulary of a set of code points, in ascending order. */
    public static CharTokenizer of(BitSet codePoints) {
        return of(codePoints.stream().toArray(), List.of());
    }

    /**
     * @param codePoints distinct, in the order of their ids
     * @param specials special tokens such as the end of a text or an unknown character
     */
    static CharTokenizer of(int[] codePoints, List<String> specials) {
        return new CharTokenizer(codePoints.clone(), specials, true);
    }

    List<AddedTokens.Token> addedTokens() {
        return IntStream.range(0, specials.size())
                .mapToObj(i -> AddedTokens.Token.special(codePoints.length + i, specials.get(i)))
                .toList();
    }

    @Override
    public int vocabularySize() {
        return codePoints.length + specials.size();
    }

    @Override
    public void encode(byte[] utf8, int from, int to, TokenBuffer out) {
        if (Utf8.firstBroken(utf8, from, to) >= 0) {
            byte[] whole = Utf8.repair(utf8, from, to).bytes;
            encode(whole, 0, whole.length, out);
            return;
        }
        sought.split(utf8, from, to, out, (b, f, t) -> characters(b, f, t, from, out));
    }

    private void characters(byte[] utf8, int from, int to, int textStart, TokenBuffer out) {
        int unknown = special(UNKNOWN).orElse(-1);
        int i = from;
        while (i < to) {
            int c = Utf8.codePoint(utf8, i);
            int id = id(c);
            id = id < 0 ? unknown : id;
            if (id < 0) {
                throw new UnknownCharacterException(c, i - textStart, codePoints.length);
            }
            out.add(id);
            i += Utf8.length(utf8[i]);
        }
    }

    @Override
    public byte[] bytes(int id) {
        if (id < 0 || id >= vocabularySize()) {
            throw new IndexOutOfBoundsException(String.format(
                    Locale.ROOT, "CharTokenizer: id must be in [0, %d), but is %d", vocabularySize(), id));
        }
        String token =
                id < codePoints.length ? Character.toString(codePoints[id]) : specials.get(id - codePoints.length);
        return token.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public List<String> specialTokens() {
        return specials;
    }

    @Override
    public OptionalInt special(String token) {
        int index = specials.indexOf(token);
        return index < 0 ? OptionalInt.empty() : OptionalInt.of(codePoints.length + index);
    }

    @Override
    public OptionalInt single(String character) {
        int id = id(character.codePointAt(0));
        return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /** The id of a code point, or -1. */
    private int id(int codePoint) {
        return codePoint < low.length ? low[codePoint] : others.getOrDefault(codePoint, -1);
    }

    @Override
    public CharTokenizer ordinary() {
        return new CharTokenizer(codePoints, specials, false);
    }

    @Override
    public int cut(byte[] utf8, int from, int to) {
        return wholeCharacters(sought, utf8, from, to);
    }

    /** The last position between characters that is not inside a special token. */
    static int wholeCharacters(AddedTokens sought, byte[] utf8, int from, int to) {
        int place = Utf8.wholeSequences(utf8, from, Math.max(from, to - Math.max(1, sought.longest())));
        while (place > from && sought.spans(utf8, from, place, to)) {
            place = Utf8.before(utf8, place, from);
        }
        return place;
    }

    @Override
    public boolean seeksSpecialTokens() {
        return seeks;
    }

    @Override
    public String json() {
        return TokenizerJsonWriter.characters(codePoints, addedTokens());
    }
}
