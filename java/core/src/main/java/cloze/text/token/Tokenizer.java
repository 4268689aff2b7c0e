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
 * Converts text to token ids and back. Every tokenizer is saved as a {@code tokenizer.json} with which the Hugging Face
 * tokenizers library gives the same ids. Thread-safe.
 */
public interface Tokenizer {
    String END_OF_TEXT = "<|endoftext|>";

    /** V: one more than the largest id. */
    int vocabularySize();

    /**
     * Appends the ids of the text. Special tokens in the text are recognised, unless this is {@link #ordinary}.
     *
     * @param utf8 text; invalid bytes are read as U+FFFD
     * @throws UnknownCharacterException if a {@link CharTokenizer} has no token for a character
     */
    void encode(byte[] utf8, int from, int to, TokenBuffer out);

    /** The bytes of a token, for streaming and for bits per byte; not always valid UTF-8 alone. */
    byte[] bytes(int id);

    /** Tokens without text, such as {@value #END_OF_TEXT}. */
    List<String> specialTokens();

    /** Id of a special token; empty if there is none. */
    OptionalInt special(String token);

    /** A tokenizer with the same vocabulary that encodes special tokens in a text as ordinary characters. */
    Tokenizer ordinary();

    /** True if special tokens in a text are recognised; false for {@link #ordinary}. */
    boolean seeksSpecialTokens();

    /** The content of the tokenizer.json. */
    String json();

    /**
     * The last position in (from, to) where the text can be cut so that its parts, encoded separately, give the ids of
     * the whole; {@code from} if there is none.
     *
     * @param utf8 text, which may contain invalid bytes
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

    /** Decodes ids to text, including special tokens; invalid UTF-8 becomes U+FFFD. */
    default String decode(int... ids) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(4 * ids.length);
        for (int id : ids) {
            bytes.writeBytes(bytes(id));
        }
        byte[] utf8 = bytes.toByteArray();
        return Utf8.string(utf8, 0, utf8.length);
    }

    /** Id of the end-of-text token, if the vocabulary has one. */
    default OptionalInt endOfText() {
        for (String token : List.of(END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>")) {
            OptionalInt id = special(token);
            if (id.isPresent()) {
                return id;
            }
        }
        return OptionalInt.empty();
    }

    /**
     * The token after which a text without context begins: the end of another text, a line end or a space if texts have
     * no end, or else the first token with text.
     */
    default int beforeText() {
        OptionalInt endOfText = endOfText();
        if (endOfText.isPresent()) {
            return endOfText.getAsInt();
        }
        for (String before : List.of("\n", "\r", " ")) {
            OptionalInt id = single(before);
            if (id.isPresent()) {
                return id.getAsInt();
            }
        }
        int first = 0;
        while (first + 1 < vocabularySize() && bytes(first).length == 0) {
            first++;
        }
        return first;
    }

    /** Id of the token whose text is one character; empty if there is none. */
    OptionalInt single(String character);

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
     * @throws DataException if this library does not support the tokenizer exactly; the message names the unsupported
     *     part
     */
    static Tokenizer load(Path fileOrFolder) throws IOException {
        return TokenizerFiles.load(fileOrFolder);
    }
}
