package cloze.cli.image;

import cloze.cli.Cache;
import cloze.cli.Subcommand;
import cloze.image.ImageData;
import cloze.recipe.Encoders;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options of an encoder and of labelled images. */
final class EncoderOptions {
    @Mixin
    private final CheckpointOption checkpoint = new CheckpointOption();

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description =
                    "Labelled images: a folder whose sub-folders are classes, a list of files, .tar, .parquet, or the"
                            + " name of an installed set (default: those of the run).")
    private @Nullable String data;

    @Option(
            names = "--held-out",
            paramLabel = "SHARE",
            description = "Share of the images kept to evaluate on, if the data do not say which (default: 0.1).")
    private @Nullable Double heldOut;

    Path checkpoint() {
        return checkpoint.folder();
    }

    /** The images of {@code --data}, or those of the run. */
    ImageData data(Subcommand command) throws IOException {
        var run = Encoders.images(checkpoint());
        if (data == null && run.isEmpty()) {
            throw command.wrongUsage(String.format(
                    Locale.ROOT, "which images? %s is no run that names them: give --data", checkpoint()));
        }
        String named = data != null ? data : run.get().data();
        double share = heldOut != null ? heldOut : run.isPresent() ? run.get().heldOut() : 0.1;
        return ImageData.open(named, Cache.folder(), share);
    }
}
