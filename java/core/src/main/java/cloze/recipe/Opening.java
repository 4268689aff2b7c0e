package cloze.recipe;

import cloze.io.Progress;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The context for opening the data of a run.
 *
 * @param cache folder for data that are installed and encoded
 * @param progress receives the progress of long reading
 * @param run folder of a resumed run, which holds files made from the data, such as a tokenizer; null for a new run
 */
public record Opening(
        Path cache, Progress progress, @Nullable Path run) {
    /** For a new run, without progress. */
    public static Opening of(Path cache) {
        return new Opening(cache, Progress.NONE, null);
    }

    Opening resuming(Path folder) {
        return new Opening(cache, progress, folder);
    }
}
