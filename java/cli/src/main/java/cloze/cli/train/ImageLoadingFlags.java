package cloze.cli.train;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How images are read, whatever is trained on them. What is not given is as usual. */
final class ImageLoadingFlags {
    @Option(
            names = "--held-out",
            paramLabel = "SHARE",
            description = "Share of the images kept to evaluate on, where the data do not say which (default: 0.1).")
    private @Nullable Double heldOut;

    @Option(names = "--no-flip", description = "Mirror no images.")
    private boolean noFlip;

    @Option(names = "--strict", description = "End at the first image that can not be read, where else it is left out.")
    private boolean strict;

    @Option(
            names = "--loaders",
            paramLabel = "N",
            description = "Threads that read images ahead (default: 2). Results do not depend on it.")
    private @Nullable Integer loaders;

    double heldOut(double usual) {
        return heldOut == null ? usual : heldOut;
    }

    boolean flip(boolean usual) {
        return usual && !noFlip;
    }

    boolean strict() {
        return strict;
    }

    int threads(int usual) {
        return loaders == null ? usual : loaders;
    }
}
