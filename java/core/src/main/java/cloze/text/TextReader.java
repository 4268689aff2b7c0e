package cloze.text;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Reads the documents of one file from start to end. */
public interface TextReader extends AutoCloseable {
    /** The next chunk, or null after the last. */
    @Nullable
    TextChunk next() throws IOException;

    /** Bytes of the file on disk that have been read so far, for progress. */
    long consumed();

    @Override
    void close() throws IOException;
}
