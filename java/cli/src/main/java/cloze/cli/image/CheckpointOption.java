package cloze.cli.image;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The option that names the folder of an encoder. */
final class CheckpointOption {
    @Option(
            names = "--checkpoint",
            paramLabel = "DIR",
            required = true,
            description = "Run folder of a masked autoencoder, or a vision transformer of Hugging Face or timm.")
    private Path folder = Path.of("");

    Path folder() {
        return folder;
    }
}
