package cloze.text;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Reads the documents of one file from front to back. */
public interface TextReader extends AutoCloseable {
    /** The next bytes, null behind the last. */
    @Nullable
    TextChunk next() throws IOException;

    /** Bytes of the file on disk that have been used up so far, for progress. */
    long consumed();

    @Override
    void close() throws IOException;
}
