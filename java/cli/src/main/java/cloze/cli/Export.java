package cloze.cli;

import cloze.backend.Backend;
import cloze.foreign.GptFolder;
import cloze.foreign.MaeExport;
import cloze.foreign.MaeFolder;
import cloze.foreign.VitFolder;
import cloze.model.Mae;
import cloze.nn.Parameters;
import cloze.serve.LanguageModel;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code cloze export}. */
@Command(
        name = "export",
        description = "Writes a trained model as others read it: a GPT in the layout of Hugging Face's GPT-2, a masked"
                + " autoencoder in that of Hugging Face, timm or the paper's code.",
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
            defaultValue = "huggingface",
            converter = Format.class,
            description = "Of a masked autoencoder: huggingface, timm (the encoder) or paper (default: huggingface).")
    private MaeExport format = MaeExport.HUGGING_FACE;

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    /** Names of formats. */
    static final class Format implements ITypeConverter<MaeExport> {
        @Override
        public MaeExport convert(String name) {
            return switch (name) {
                case "huggingface" -> MaeExport.HUGGING_FACE;
                case "timm" -> MaeExport.TIMM;
                case "paper" -> MaeExport.PAPER;
                default -> throw new TypeConversionException("expected huggingface, timm or paper, not '" + name + "'");
            };
        }
    }

    @Override
    public Integer call() throws IOException {
        String files;
        try (Backend backend = device.open()) {
            files = MaeFolder.isRun(run.folder()) ? maskedAutoencoder(backend) : languageModel(backend);
        } catch (IllegalArgumentException e) {
            throw new IOException("%s can not be exported: %s".formatted(run.folder(), e.getMessage()), e);
        }
        out().printf("%s: %s%n", to, files);
        out().flush();
        return 0;
    }

    private String maskedAutoencoder(Backend backend) throws IOException {
        try (Scope scope = backend.memory().scope("model")) {
            Parameters.Built<Mae> built = MaeFolder.load(run.folder(), backend, scope);
            format.write(to, built.model(), built.parameters(), VitFolder.normalization(run.folder()), backend);
        }
        return switch (format) {
            case HUGGING_FACE -> "config.json, preprocessor_config.json, model.safetensors";
            case TIMM -> "config.json, model.safetensors";
            case PAPER -> "model.safetensors";
        };
    }

    private String languageModel(Backend backend) throws IOException {
        if (format != MaeExport.HUGGING_FACE) {
            throw wrongUsage("--format is for masked autoencoders: a GPT is written for Hugging Face");
        }
        try (LanguageModel model = LanguageModel.load(run.folder(), backend)) {
            GptFolder.export(
                    to,
                    model.model(),
                    model.parameters(),
                    backend,
                    model.tokenizer().endOfText());
            model.tokenizer().save(to.resolve("tokenizer.json"));
        }
        return "config.json, model.safetensors, tokenizer.json";
    }
}
