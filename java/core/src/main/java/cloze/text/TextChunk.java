package cloze.text;

/**
 * Some bytes of a document. A {@link TextReader} hands them out in order; a document ends with a chunk that says so,
 * which may be empty.
 */
public final class TextChunk {
    /** {@link #next()} of the last chunk of a file. */
    public static final long END_OF_FILE = -1;

    private final byte[] bytes;
    private final long offset;
    private final long next;
    private final boolean endsDocument;

    /**
     * The bytes are not copied.
     *
     * @param offset place in the file: bytes of the text (after decompression), or rows of a table
     * @param next place behind, or {@link #END_OF_FILE}
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
