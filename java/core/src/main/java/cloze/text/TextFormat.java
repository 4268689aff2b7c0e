package cloze.text;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A file format that holds documents of text. Providers are found by {@link java.util.ServiceLoader}; a file of no such
 * format is read as plain text.
 */
public interface TextFormat {
    /** True if the file name has an extension of this format. */
    boolean reads(Path file);

    /**
     * Opens a file.
     *
     * @param column column of a table that holds the text; null if there is only one
     * @param from position to start at, from {@link TextChunk#next()}; 0 is the start
     */
    TextReader open(Path file, @Nullable String column, long from) throws IOException;
}
