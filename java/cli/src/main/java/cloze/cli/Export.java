package cloze.cli;

import cloze.backend.Backend;
import cloze.model.GptFolder;
import cloze.serve.LanguageModel;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze export}. */
@Command(
        name = "export",
        description =
                "Writes a GPT in the layout of Hugging Face's GPT-2: config.json, model.safetensors, tokenizer.json.",
        footerHeading = "%nExamples:%n",
        footer = {"  cloze export --run runs/gpt2 --to exported"})
final class Export extends Subcommand {
    @Mixin
    private final RunOption run = new RunOption();

    @Option(names = "--to", paramLabel = "DIR", required = true, description = "Folder to write into.")
    private Path to = Path.of(".");

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Override
    public Integer call() throws IOException {
        try (Backend backend = device.open();
                LanguageModel model = LanguageModel.load(run.folder(), backend)) {
            GptFolder.export(
                    to,
                    model.model(),
                    model.parameters(),
                    backend,
                    model.tokenizer().endOfText());
            model.tokenizer().save(to.resolve("tokenizer.json"));
        } catch (IllegalArgumentException e) {
            throw new IOException("%s can not be exported: %s".formatted(run.folder(), e.getMessage()), e);
        }
        out().printf("%s: config.json, model.safetensors, tokenizer.json%n", to);
        out().flush();
        return 0;
    }
}
