package cloze.recipe;

import cloze.io.Progress;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What it takes to open the data of a run.
 *
 * @param cache folder for data that are installed and encoded
 * @param progress is told how far long reading is
 * @param run folder of a run that goes on, which keeps what was made from the data, such as a tokenizer; null for a new run
 */
public record Opening(
        Path cache, Progress progress, @Nullable Path run) {
    /** For a new run, in silence. */
    public static Opening of(Path cache) {
        return new Opening(cache, Progress.NONE, null);
    }

    Opening resuming(Path folder) {
        return new Opening(cache, progress, folder);
    }
}
