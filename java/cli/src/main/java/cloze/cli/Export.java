package cloze.cli;

import cloze.backend.Backend;
import cloze.recipe.Models;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze export}. */
@Command(
        name = "export",
        description =
                "Writes a trained model in a foreign layout: a GPT in the layout of Hugging Face's GPT-2, or of its Llama"
                        + " where positions are rotary, a masked autoencoder in that of Hugging Face, timm or the paper's code.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze export --run runs/gpt2 --to exported",
            "  cloze export --run runs/vit-tiny-32 --format timm --to exported"
        })
final class Export extends Subcommand {
    @Mixin
    private final RunOption run = new RunOption();

    @Option(names = "--to", paramLabel = "DIR", required = true, description = "Folder to write into.")
    private Path to = Path.of(".");

    @Option(
            names = "--format",
            paramLabel = "NAME",
            defaultValue = "",
            description = "Layout of others: huggingface, or timm (the encoder) or paper of a masked autoencoder"
                    + " (default: huggingface).")
    private String format = "";

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Override
    public Integer call() throws IOException {
        try (Backend backend = device.open()) {
            out().printf(Locale.ROOT, "%s: %s%n", to, Models.export(run.folder(), to, format, backend));
        }
        out().flush();
        return 0;
    }
}
