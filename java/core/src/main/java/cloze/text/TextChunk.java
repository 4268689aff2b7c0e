package cloze.text;

/**
 * Part of a document. A {@link TextReader} returns chunks in order. The last chunk of a document is marked and may be
 * empty.
 */
public final class TextChunk {
    /** {@link #next()} of the last chunk of a file. */
    public static final long END_OF_FILE = -1;

    private final byte[] bytes;
    private final long offset;
    private final long next;
    private final boolean endsDocument;

    /**
     * Creates a chunk without copying the bytes.
     *
     * @param offset position in the file: a byte of the decompressed text, or a row of a table
     * @param next position after the chunk, or {@link #END_OF_FILE}
     */
    public TextChunk(byte[] bytes, long offset, long next, boolean endsDocument) {
        this.bytes = bytes;
        this.offset = offset;
        this.next = next;
        this.endsDocument = endsDocument;
    }

    public byte[] bytes() {
        return bytes;
    }

    public long offset() {
        return offset;
    }

    public long next() {
        return next;
    }

    public boolean endsDocument() {
        return endsDocument;
    }
}
