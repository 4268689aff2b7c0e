package cloze.text;

import cloze.io.DataException;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Divides a source into pieces of about 1 MiB that can be encoded independently: long documents are cut where the
 * tokenizer allows it, short ones share a piece.
 */
final class TextPieces implements AutoCloseable {
    private static final int PIECE = 1 << 20;

    /** Bytes of a document without a place to cut: at most a sixteenth of the heap, since they are encoded at once. */
    private static final int LONGEST = Math.clamp(Runtime.getRuntime().maxMemory() / 16, 2 * PIECE, 1 << 30);

    /** Bytes [from, to) of a piece, which start at {@code offset} of a file. */
    record Part(String file, long offset, int from, int to, boolean endsDocument) {}

    /** The input of one encoding task. */
    static final class Piece {
        final byte[] bytes;
        final List<Part> parts;
        final TextSource.Position next;
        final long consumed;

        Piece(byte[] bytes, List<Part> parts, TextSource.Position next, long consumed) {
            this.bytes = bytes;
            this.parts = List.copyOf(parts);
            this.next = next;
            this.consumed = consumed;
        }
    }

    private final TextSource source;
    private final Tokenizer tokenizer;
    private final List<Part> parts = new ArrayList<>();
    private TextSource.Position next;
    private @Nullable TextReader reader;
    private long consumedBefore;
    private byte[] bytes = new byte[2 * PIECE];
    private int length;
    private int partStart;
    private long partOffset;
    private int attempt = PIECE; // bytes at which a cut is tried; doubles if there is none

    TextPieces(TextSource source, Tokenizer tokenizer, TextSource.Position from) {
        this.source = source;
        this.tokenizer = tokenizer;
        next = from;
    }

    @Nullable
    Piece next() throws IOException {
        while (next.file() < source.files()) {
            TextReader file = reader;
            if (file == null) {
                file = source.open(next);
                reader = file;
            }
            TextChunk chunk = file.next();
            boolean fileEnded = chunk == null || chunk.next() == TextChunk.END_OF_FILE;
            Piece piece = chunk == null ? null : add(chunk);
            if (chunk == null && length > partStart) {
                part(length, true);
            }
            if (fileEnded) {
                consumedBefore += file.consumed();
                close();
                next = new TextSource.Position(next.file() + 1, 0);
                piece = length >= PIECE ? flush() : piece;
            }
            if (piece != null) {
                return piece;
            }
        }
        return parts.isEmpty() ? null : flush();
    }

    private @Nullable Piece add(TextChunk chunk) throws DataException {
        if (length == partStart) {
            partOffset = chunk.offset();
        }
        append(chunk.bytes());
        if (chunk.endsDocument()) {
            part(length, true);
            next = new TextSource.Position(next.file(), chunk.next());
            return length >= PIECE && chunk.next() != TextChunk.END_OF_FILE ? flush() : null;
        }
        if (length - partStart < attempt) {
            return null;
        }
        int cut = tokenizer.cut(bytes, partStart, length);
        if (cut == partStart) {
            grown();
            return null;
        }
        part(cut, false);
        next = new TextSource.Position(next.file(), partOffset);
        return flush();
    }

    private void grown() throws DataException {
        attempt = Math.min(2 * attempt, LONGEST);
        if (length - partStart >= LONGEST) {
            throw new DataException(
                    source.file(next.file()),
                    "byte " + partOffset,
                    String.format(
                            Locale.ROOT,
                            "a document of less than %d MiB, or one that can be cut after a word",
                            LONGEST >> 20),
                    (length - partStart) + " bytes without a place to cut");
        }
    }

    private void append(byte[] more) {
        if (bytes.length - length < more.length) {
            long wanted = Math.max(2L * bytes.length, (long) length + more.length);
            bytes = Arrays.copyOf(bytes, (int) Math.min(wanted, Integer.MAX_VALUE - 8));
        }
        System.arraycopy(more, 0, bytes, length, more.length);
        length += more.length;
    }

    private void part(int end, boolean endsDocument) {
        parts.add(new Part(source.file(next.file()), partOffset, partStart, end, endsDocument));
        partOffset += end - partStart;
        partStart = end;
        attempt = PIECE;
    }

    /** Returns the complete parts; the remaining bytes start the next piece. */
    private Piece flush() {
        byte[] rest = Arrays.copyOfRange(bytes, partStart, length);
        long consumed = consumedBefore + (reader == null ? 0 : reader.consumed());
        Piece piece = new Piece(bytes, parts, next, consumed);
        parts.clear();
        bytes = new byte[Math.max(2 * PIECE, 2 * rest.length)];
        System.arraycopy(rest, 0, bytes, 0, rest.length);
        length = rest.length;
        partStart = 0;
        return piece;
    }

    @Override
    public void close() throws IOException {
        if (reader != null) {
            reader.close();
            reader = null;
        }
    }
}
