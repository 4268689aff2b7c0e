package cloze.cli.text;

import cloze.backend.Backend;
import cloze.cli.DeviceOptions;
import cloze.cli.RunOption;
import cloze.cli.Sizes;
import cloze.cli.Subcommand;
import cloze.cli.Terminal;
import cloze.cli.Texts;
import cloze.generate.Sampling;
import cloze.serve.LanguageModel;
import cloze.train.StopOnExit;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze generate}. */
@Command(
        name = "generate",
        description = "Continues a text with a trained model.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze generate --run runs/book --prompt \"Call me\"",
            "  cloze generate --run runs/book --tokens 500 --temperature 0 < beginning.txt"
        })
public final class Generate extends Subcommand {
    @Mixin
    private final RunOption run = new RunOption();

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Option(
            names = "--prompt",
            paramLabel = "TEXT",
            description = "The text to continue (default: standard input; nothing if that is a terminal).")
    private @Nullable String prompt;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            defaultValue = "200",
            converter = Sizes.Count.class,
            description = "Most tokens to add (default: ${DEFAULT-VALUE}).")
    private long tokens;

    @Option(
            names = "--temperature",
            paramLabel = "X",
            defaultValue = "0.8",
            description = "Divides the logits; 0 takes the likeliest token always (default: ${DEFAULT-VALUE}).")
    private double temperature;

    @Option(
            names = "--top-k",
            paramLabel = "K",
            defaultValue = "0",
            description = "Draw from the K likeliest tokens, 0 for all (default: ${DEFAULT-VALUE}).")
    private int topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            defaultValue = "1",
            description = "Draw from the likeliest tokens that reach this probability (default: ${DEFAULT-VALUE}).")
    private double topP;

    @Option(names = "--stop", paramLabel = "TEXT", description = "End before this text; may be given more than once.")
    private List<String> stop = List.of();

    @Option(
            names = "--batch",
            paramLabel = "B",
            defaultValue = "1",
            description = "Continue the text B times, computed together (default: ${DEFAULT-VALUE}).")
    private int batch;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1337",
            description = "Seed of the draws: the same one gives the same text (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Mixin
    private final LiteralOption literal = new LiteralOption();

    @Override
    public Integer call() throws IOException {
        Sampling sampling = sampling();
        if (batch < 1) {
            throw wrongUsage("--batch must be 1 or more, but it is " + batch);
        }
        String beginning = prompt();
        PrintWriter out = out();
        try (var _ = StopOnExit.interrupting();
                Backend backend = device.open();
                LanguageModel model = LanguageModel.load(run.folder(), backend)) {
            int[] ids = literal.of(model.tokenizer()).encode(beginning);
            if (batch == 1) {
                stream(model, beginning, ids, sampling);
            } else {
                List<StringBuilder> texts =
                        Stream.generate(StringBuilder::new).limit(batch).toList();
                model.generate(
                        Collections.nCopies(batch, ids),
                        sampling,
                        (row, text) -> texts.get(row).append(text));
                out.println(texts.stream().map(text -> beginning + text).collect(Collectors.joining("\n---\n")));
            }
            out.flush();
        }
        return 0;
    }

    private void stream(LanguageModel model, String beginning, int[] ids, Sampling sampling) {
        PrintWriter out = out();
        out.print(beginning);
        model.generate(List.of(ids), sampling, (_, text) -> {
            out.print(text);
            out.flush();
        });
        out.println();
    }

    private Sampling sampling() {
        try {
            return new Sampling(Math.toIntExact(tokens), temperature, topK, topP, seed, stop);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw wrongUsage("generate", e);
        }
    }

    private String prompt() throws IOException {
        if (prompt != null) {
            return prompt;
        }
        return Terminal.isTerminal() ? "" : Texts.standardInput();
    }
}
