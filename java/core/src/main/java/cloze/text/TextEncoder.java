package cloze.text;

import cloze.io.DataException;
import cloze.io.DurableFiles;
import cloze.io.Fingerprint;
import cloze.io.Progress;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Encodes a {@link TextSource} into a {@link TokenFile} on several threads. The file appears only when it is complete.
 * An interrupted encode resumes after its last checkpoint, and the file is the same to the byte.
 */
public final class TextEncoder {
    private static final Logger LOG = LoggerFactory.getLogger(TextEncoder.class);

    /** Changes when the same files give other text, so that tokens in a cache are not taken for those of today. */
    private static final String DECODING = "byte-order marks";

    private final TextSource source;
    private final Tokenizer tokenizer;
    private final EncodeOptions options;
    private final Progress progress;
    private final int width;
    private final Path file;
    private final Path partial;
    private final Path note;
    private EncodeProgress done;

    private TextEncoder(TextSource source, Tokenizer tokenizer, Path file, EncodeOptions options, Progress progress) {
        this.source = source;
        this.tokenizer = tokenizer;
        this.options = options;
        this.progress = progress;
        this.file = file;
        width = TokenHeader.width(tokenizer.vocabularySize());
        partial = file.resolveSibling(file.getFileName() + ".partial");
        note = file.resolveSibling(file.getFileName() + ".progress");
        done = EncodeProgress.start(key(source, tokenizer, options));
    }

    /** Fingerprint of the text, tokenizer and options: the same key gives the same file. */
    static String key(TextSource source, Tokenizer tokenizer, EncodeOptions options) {
        return Fingerprint.of(source.fingerprint().orElse("")
                + " " + tokenizer.fingerprint()
                + " " + tokenizer.seeksSpecialTokens()
                + " " + DECODING
                + " " + options.strict()
                + " " + options.endOfText());
    }

    /**
     * Encodes everything and opens the result.
     *
     * @param file replaced when the new one is complete
     * @throws DataException if the text cannot be read or encoded; the message names the place
     */
    public static TokenFile encode(
            TextSource source, Tokenizer tokenizer, Path file, EncodeOptions options, Progress progress)
            throws IOException {
        new TextEncoder(source, tokenizer, file, options, progress).run();
        return TokenFile.open(file);
    }

    private void run() throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            Files.createDirectories(folder);
        }
        try (FileChannel out = FileChannel.open(
                        partial, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
                FileLock lock = lock(out)) {
            if (source.fingerprint().isPresent()) {
                EncodeProgress.read(note, done.key())
                        .filter(found -> size(out) >= TokenHeader.BYTES + found.count() * width)
                        .ifPresent(found -> done = found);
            }
            out.truncate(Math.min(out.size(), TokenHeader.BYTES + done.count() * width));
            out.position(TokenHeader.BYTES + done.count() * width);
            encode(out);
            finish(out);
            lock.release();
        }
        DurableFiles.rename(partial, file);
        Files.deleteIfExists(note);
        if (done.text().replaced() > 0) {
            LOG.warn(
                    "{}: {} invalid parts of UTF-8 were replaced by U+FFFD",
                    source.name(),
                    done.text().replaced());
        }
    }

    private FileLock lock(FileChannel out) throws IOException {
        FileLock lock = null;
        try {
            lock = out.tryLock();
        } catch (OverlappingFileLockException e) {
            LOG.debug("another thread encodes into {}", file);
        }
        if (lock == null) {
            throw new DataException(file, "lock", "no other encode into it", "one that is under way");
        }
        return lock;
    }

    private static long size(FileChannel out) {
        try {
            return out.size();
        } catch (IOException e) {
            return -1;
        }
    }

    /** Encodes pieces in parallel and writes them in order. */
    private void encode(FileChannel out) throws IOException {
        ExecutorService workers = Executors.newFixedThreadPool(options.threads(), task -> {
            Thread thread = new Thread(task, "cloze-encode");
            thread.setDaemon(true);
            return thread;
        });
        OptionalInt end = options.endOfText() ? tokenizer.endOfText() : OptionalInt.empty();
        try (TextPieces pieces = new TextPieces(source, tokenizer, done.next())) {
            ArrayDeque<Future<EncodedPiece>> queue = new ArrayDeque<>();
            long saved = done.text().bytes();
            for (TextPieces.Piece piece = pieces.next(); piece != null || !queue.isEmpty(); ) {
                if (piece != null) {
                    TextPieces.Piece work = piece;
                    queue.add(workers.submit(() -> EncodedPiece.of(work, tokenizer, end, options.strict(), width)));
                    piece = pieces.next();
                }
                if (piece == null || queue.size() > 2 * options.threads()) {
                    write(out, await(queue.remove()));
                    saved = checkpoint(out, saved);
                }
            }
        } finally {
            workers.shutdownNow();
        }
    }

    private static EncodedPiece await(Future<EncodedPiece> future) throws IOException {
        try {
            return future.get();
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case IOException io -> throw io;
                case RuntimeException bug -> throw bug;
                case Error error -> throw error;
                case null, default -> throw new IOException(e);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new java.io.InterruptedIOException("interrupted while encoding");
        }
    }

    private void write(FileChannel out, EncodedPiece piece) throws IOException {
        ByteBuffer bytes = piece.ids();
        long count = bytes.remaining() / width;
        while (bytes.hasRemaining()) {
            out.write(bytes);
        }
        TokenHeader.Text text = new TokenHeader.Text(
                done.text().documents() + piece.documents(),
                done.text().bytes() + piece.textBytes(),
                done.text().replaced() + piece.replaced());
        done = new EncodeProgress(done.key(), piece.next(), done.count() + count, text);
        progress.at(piece.consumed(), source.bytes(), "bytes");
    }

    private long checkpoint(FileChannel out, long saved) throws IOException {
        if (done.text().bytes() - saved < options.checkpointBytes()
                || source.fingerprint().isEmpty()) {
            return saved;
        }
        out.force(false);
        done.write(note);
        return done.text().bytes();
    }

    private void finish(FileChannel out) throws IOException {
        int checksum;
        try (Arena arena = Arena.ofConfined()) {
            long bytes = done.count() * width;
            checksum = bytes == 0
                    ? TokenFile.checksum(arena.allocate(0))
                    : TokenFile.checksum(out.map(FileChannel.MapMode.READ_ONLY, TokenHeader.BYTES, bytes, arena));
        }
        String made = TokenHeader.shortened(tokenizer.fingerprint());
        int vocabulary = tokenizer.vocabularySize();
        ByteBuffer header = new TokenHeader(width, vocabulary, checksum, done.count(), done.text(), made).bytes();
        while (header.hasRemaining()) {
            out.write(header, header.position());
        }
        out.force(true);
    }
}
