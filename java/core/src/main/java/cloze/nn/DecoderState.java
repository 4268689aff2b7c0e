package cloze.nn;

/** The tokens that a decoder has seen, for each row of a batch. For one thread at a time; its scope owns the memory. */
public interface DecoderState {
    /** Rows. */
    int batch();

    /** Most tokens of a row. */
    int capacity();

    /** Tokens of one row. */
    int length(int row);

    /** Counts the first {@code counts[row]} of the tokens that were just run to each row. */
    void advance(int... counts);

    /** Forgets all tokens. */
    void clear();
}
