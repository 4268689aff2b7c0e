package cloze.text.token;

import cloze.io.DataException;
import cloze.io.DurableFiles;
import cloze.io.Fingerprint;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/**
 * Text to token ids and back. All are written as a {@code tokenizer.json} that the Hugging Face tokenizers library
 * reads and encodes with alike. Thread-safe.
 */
public interface Tokenizer {
    String END_OF_TEXT = "<|endoftext|>";

    /** V: one more than the largest id. */
    int vocabularySize();

    /**
     * Appends the ids of the text. Special tokens that the text spells out are recognised, see {@link #ordinary}.
     *
     * @param utf8 broken bytes are read as U+FFFD
     * @throws UnknownCharacterException a {@link CharTokenizer} meets a character it does not know
     */
    void encode(byte[] utf8, int from, int to, TokenBuffer out);

    /** The bytes that an id stands for, for streaming and for bits per byte; not always valid UTF-8 on their own. */
    byte[] bytes(int id);

    /** Tokens such as {@value #END_OF_TEXT} that stand for no text. */
    List<String> specialTokens();

    /** Id of a special token. */
    OptionalInt special(String token);

    /** The same vocabulary, but a text that spells out a special token is encoded as the characters it is. */
    Tokenizer ordinary();

    /** Whether special tokens that a text spells out are recognised; not so behind {@link #ordinary}. */
    boolean seeksSpecialTokens();

    /** The tokenizer.json. */
    String json();

    /**
     * The last place in (from, to) where the text can be cut so that its parts, encoded apart, give the ids of the
     * whole; {@code from} if there is none.
     *
     * @param utf8 broken bytes may be anywhere
     */
    int cut(byte[] utf8, int from, int to);

    default int[] encode(String text) {
        byte[] utf8 = Utf8.bytes(text);
        TokenBuffer out = new TokenBuffer(utf8.length / 3);
        encode(utf8, 0, utf8.length, out);
        return out.toArray();
    }

    default void encode(MemorySegment utf8, TokenBuffer out) {
        byte[] bytes = utf8.toArray(ValueLayout.JAVA_BYTE);
        encode(bytes, 0, bytes.length, out);
    }

    /** The text of the ids, special tokens written out; bytes that are no UTF-8 become U+FFFD. */
    default String decode(int... ids) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(4 * ids.length);
        for (int id : ids) {
            bytes.writeBytes(bytes(id));
        }
        byte[] utf8 = bytes.toByteArray();
        return Utf8.string(utf8, 0, utf8.length);
    }

    /** Id that ends a document, if the vocabulary has one. */
    default OptionalInt endOfText() {
        for (String token : List.of(END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>")) {
            OptionalInt id = special(token);
            if (id.isPresent()) {
                return id;
            }
        }
        return OptionalInt.empty();
    }

    /** The token after which a text without context begins: the end of another text, or a new line if texts have no end. */
    default int beforeText() {
        OptionalInt endOfText = endOfText();
        if (endOfText.isPresent()) {
            return endOfText.getAsInt();
        }
        int[] newLine = encode("\n");
        return newLine[newLine.length - 1];
    }

    /** SHA-256 of the tokenizer.json in hexadecimal digits. */
    default String fingerprint() {
        return Fingerprint.of(json());
    }

    default void save(Path tokenizerJson) throws IOException {
        DurableFiles.replace(tokenizerJson, json().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Reads a tokenizer.json, a folder with one, or a folder with GPT-2's {@code encoder.json} and {@code vocab.bpe}
     * (or {@code vocab.json} and {@code merges.txt}).
     *
     * @throws DataException it is not a tokenizer that this library encodes with exactly: the message names the piece
     */
    static Tokenizer load(Path fileOrFolder) throws IOException {
        return TokenizerFiles.load(fileOrFolder);
    }
}
