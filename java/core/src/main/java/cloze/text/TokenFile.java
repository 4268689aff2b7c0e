package cloze.text;

import cloze.io.DataException;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Objects;
import java.util.zip.CRC32C;

/**
 * Token ids of a text in a memory-mapped file: u16 if the vocabulary has at most 65,536 tokens, else i32. Written by
 * {@link TextEncoder}. Thread-safe until it is closed.
 */
public final class TokenFile implements Tokens, AutoCloseable {
    private static final ValueLayout.OfChar U16 = ValueLayout.JAVA_CHAR_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt OUT = ValueLayout.JAVA_INT_UNALIGNED;

    private final Path file;
    private final TokenHeader header;
    private final Arena arena;
    private final MemorySegment ids;

    private TokenFile(Path file, TokenHeader header, Arena arena, MemorySegment ids) {
        this.file = file;
        this.header = header;
        this.arena = arena;
        this.ids = ids;
    }

    /**
     * Maps a file after checking its header and size.
     *
     * @throws DataException if it is not a token file, is damaged or truncated
     */
    public static TokenFile open(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < TokenHeader.BYTES) {
                throw new DataException(file, "size", "at least " + TokenHeader.BYTES + " bytes", size + " bytes");
            }
            ByteBuffer head = ByteBuffer.allocate(TokenHeader.BYTES);
            while (head.hasRemaining() && channel.read(head, head.position()) >= 0) {}
            TokenHeader header = TokenHeader.read(file, head.array(), size);
            return map(file, channel, header, size);
        }
    }

    @SuppressWarnings("MustBeClosed") // the returned file owns the arena and closes it
    private static TokenFile map(Path file, FileChannel channel, TokenHeader header, long size) throws IOException {
        Arena arena = Arena.ofShared();
        try {
            MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
            return new TokenFile(file, header, arena, all.asSlice(TokenHeader.BYTES));
        } catch (IOException e) {
            arena.close();
            throw e;
        }
    }

    public Path path() {
        return file;
    }

    @Override
    public long count() {
        return header.count();
    }

    public int vocabularySize() {
        return header.vocabularySize();
    }

    public long documents() {
        return header.text().documents();
    }

    /** Encoded bytes of UTF-8: bits per byte = nats per token x count / ln 2 / bytes. */
    public long textBytes() {
        return header.text().bytes();
    }

    /** Number of invalid parts of UTF-8 that were replaced by U+FFFD. */
    public long replaced() {
        return header.text().replaced();
    }

    /**
     * Checks that the file was encoded with a tokenizer.
     *
     * @throws DataException if the fingerprints differ
     */
    public void requireTokenizer(Tokenizer tokenizer) throws DataException {
        String wanted = TokenHeader.shortened(tokenizer.fingerprint());
        if (!wanted.equals(header.tokenizer())) {
            throw new DataException(file, "tokenizer", "fingerprint " + wanted, header.tokenizer());
        }
    }

    /**
     * Reads all tokens and compares the checksum.
     *
     * @throws DataException if a byte has changed, or an id is outside the vocabulary
     */
    public void verify() throws DataException {
        int found = checksum(ids);
        if (found != header.checksum()) {
            throw new DataException(
                    file,
                    "tokens",
                    String.format(Locale.ROOT, "checksum %08x", header.checksum()),
                    String.format(Locale.ROOT, "%08x", found));
        }
        for (long i = 0; i < count(); i++) {
            if (at(i) < 0 || at(i) >= vocabularySize()) {
                throw new DataException(file, "token " + i, "an id below " + vocabularySize(), "" + at(i));
            }
        }
    }

    static int checksum(MemorySegment bytes) {
        CRC32C crc = new CRC32C();
        long step = 1 << 30;
        for (long at = 0; at < bytes.byteSize(); at += step) {
            crc.update(bytes.asSlice(at, Math.min(step, bytes.byteSize() - at)).asByteBuffer());
        }
        return (int) crc.getValue();
    }

    @Override
    public int at(long index) {
        Objects.checkIndex(index, count());
        return header.width() == Short.BYTES ? ids.getAtIndex(U16, index) : ids.getAtIndex(I32, index);
    }

    /**
     * Copies ids and checks that they are inside the vocabulary, as in every undamaged file.
     *
     * @throws UncheckedIOException if an id is outside; the cause is a {@link DataException} that names the place
     */
    @Override
    public void read(long from, MemorySegment destination, int count) {
        Objects.checkFromIndexSize(from, (long) count, count());
        MemorySegment source = ids.asSlice(from * header.width(), (long) count * header.width());
        int worst = header.width() == Short.BYTES ? widen(source, destination) : copy(source, destination);
        if (Integer.compareUnsigned(worst, vocabularySize()) >= 0) {
            String place = "tokens " + from + " to " + (from + count);
            throw new UncheckedIOException(
                    new DataException(file, place, "ids below " + vocabularySize(), Integer.toUnsignedString(worst)));
        }
    }

    /** Converts u16 to i32 and returns the largest id. */
    private static int widen(MemorySegment source, MemorySegment destination) {
        int worst = 0;
        long count = source.byteSize() / Short.BYTES;
        for (long i = 0; i < count; i++) {
            int id = source.getAtIndex(U16, i);
            destination.setAtIndex(OUT, i, id);
            worst = Math.max(worst, id);
        }
        return worst;
    }

    private static int copy(MemorySegment source, MemorySegment destination) {
        int highest = 0;
        int lowest = 0;
        long count = source.byteSize() / Integer.BYTES;
        for (long i = 0; i < count; i++) {
            int id = source.getAtIndex(I32, i);
            destination.setAtIndex(OUT, i, id);
            highest = Math.max(highest, id);
            lowest = Math.min(lowest, id);
        }
        return lowest < 0 ? lowest : highest;
    }

    @Override
    public void close() {
        arena.close();
    }
}
