package cloze.text;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A kind of file that holds documents of text. Providers are found by {@link java.util.ServiceLoader}; a file that
 * none claims is read as plain text.
 */
public interface TextFormat {
    /** Whether the name of the file says that it is of this kind. */
    boolean reads(Path file);

    /**
     * Opens a file.
     *
     * @param column which column of a table holds the text; null if there is only one
     * @param from place to start at, as {@link TextChunk#next()} gave it; 0 is the start
     */
    TextReader open(Path file, @Nullable String column, long from) throws IOException;
}
