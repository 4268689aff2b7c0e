package cloze.text.token;

/** Splits a text into pieces; merges never cross pieces. The bytes are valid UTF-8. */
@FunctionalInterface
public interface PreTokenizer {
    @FunctionalInterface
    interface Pieces {
        void piece(byte[] utf8, int from, int to);
    }

    void split(byte[] utf8, int from, int to, Pieces out);
}
