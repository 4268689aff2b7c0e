package cloze.text.token;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;

/**
 * One token per byte: the bytes have the ids 0 to 255, {@value #END_OF_TEXT} is 256. Its tokenizer.json is a byte-level
 * BPE without merges, which the Hugging Face library reads. Invalid UTF-8 is encoded byte by byte.
 */
public final class ByteTokenizer implements Tokenizer {
    private static final int END = 256;

    private final AddedTokens sought;
    private final boolean seeks;

    public ByteTokenizer() {
        this(true);
    }

    private ByteTokenizer(boolean seeks) {
        this.seeks = seeks;
        sought = new AddedTokens(seeks ? addedTokens() : List.of());
    }

    static List<AddedTokens.Token> addedTokens() {
        return List.of(AddedTokens.Token.special(END, END_OF_TEXT));
    }

    @Override
    public int vocabularySize() {
        return END + 1;
    }

    @Override
    public void encode(byte[] utf8, int from, int to, TokenBuffer out) {
        sought.split(utf8, from, to, out, (b, f, t) -> {
            for (int i = f; i < t; i++) {
                out.add(b[i] & 0xFF);
            }
        });
    }

    @Override
    public byte[] bytes(int id) {
        if (id < 0 || id > END) {
            throw new IndexOutOfBoundsException("ByteTokenizer: id must be in [0, 257), but is " + id);
        }
        return id == END ? END_OF_TEXT.getBytes(StandardCharsets.UTF_8) : new byte[] {(byte) id};
    }

    @Override
    public List<String> specialTokens() {
        return List.of(END_OF_TEXT);
    }

    @Override
    public OptionalInt special(String token) {
        return token.equals(END_OF_TEXT) ? OptionalInt.of(END) : OptionalInt.empty();
    }

    @Override
    public OptionalInt single(String character) {
        byte[] utf8 = Utf8.bytes(character);
        return utf8.length == 1 ? OptionalInt.of(utf8[0] & 0xFF) : OptionalInt.empty();
    }

    @Override
    public ByteTokenizer ordinary() {
        return new ByteTokenizer(false);
    }

    @Override
    public int cut(byte[] utf8, int from, int to) {
        return CharTokenizer.wholeCharacters(sought, utf8, from, to);
    }

    @Override
    public boolean seeksSpecialTokens() {
        return seeks;
    }

    @Override
    public String json() {
        return TokenizerJsonWriter.bytes(addedTokens());
    }
}
