package cloze.cli.train;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How often a run is looked at. What is not given is as usual. */
final class WatchFlags {
    @Option(
            names = "--evaluate-every",
            paramLabel = "N",
            description = "Steps between evaluations, 0 for the end only.")
    private @Nullable Long evaluate;

    @Option(
            names = "--checkpoint-every",
            paramLabel = "N",
            description = "Steps between checkpoints, 0 for the end only.")
    private @Nullable Long checkpoint;

    boolean saysWhenToEvaluate() {
        return evaluate != null;
    }

    long evaluateEvery(long usual) {
        return evaluate == null ? usual : evaluate;
    }

    long checkpointEvery(long usual) {
        return checkpoint == null ? usual : checkpoint;
    }
}
