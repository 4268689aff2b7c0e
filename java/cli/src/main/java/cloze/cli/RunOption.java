package cloze.cli;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The option that names a trained model. */
public final class RunOption {
    @Option(
            names = "--run",
            paramLabel = "DIR",
            required = true,
            description = "Folder of a run, or of a model in the layout of Hugging Face.")
    private Path folder = Path.of(".");

    /** Filled by picocli. */
    public RunOption() {}

    public Path folder() {
        return folder;
    }
}
