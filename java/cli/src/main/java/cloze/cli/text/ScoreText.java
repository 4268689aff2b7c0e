package cloze.cli.text;

import cloze.backend.Backend;
import cloze.cli.DeviceOptions;
import cloze.cli.RunOption;
import cloze.cli.Subcommand;
import cloze.cli.Texts;
import cloze.serve.LanguageModel;
import cloze.serve.Score;
import cloze.text.TextSource;
import cloze.train.StopOnExit;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze score}. */
@Command(
        name = "score",
        description =
                "Computes the probability of a text under a trained model: nats per token, bits per byte, perplexity.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze score --run runs/book --prompt \"Call me Ishmael.\" --each",
            "  cloze score --run runs/book --data chapter.txt --json"
        })
public final class ScoreText extends Subcommand {
    @Mixin
    private final RunOption run = new RunOption();

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Option(names = "--prompt", paramLabel = "TEXT", description = "The text (default: standard input).")
    private @Nullable String prompt;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description = "A text file or a folder of them, in place of --prompt.")
    private @Nullable Path data;

    @Option(names = "--each", description = "Print each token and its log-probability too.")
    private boolean each;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Mixin
    private final LiteralOption literal = new LiteralOption();

    @Override
    public Integer call() throws IOException {
        String text = text();
        if (text.isEmpty()) {
            throw wrongUsage("there is no text to score: give --prompt or --data");
        }
        PrintWriter out = out();
        try (var _ = StopOnExit.interrupting();
                Backend backend = device.open();
                LanguageModel model = LanguageModel.load(run.folder(), backend)) {
            print(model.score(literal.of(model.tokenizer()).encode(text)), out);
            out.flush();
        }
        return 0;
    }

    private String text() throws IOException {
        if (prompt != null && data != null) {
            throw wrongUsage("--prompt and --data exclude each other");
        }
        if (prompt != null) {
            return prompt;
        }
        return data != null ? TextSource.of(data).readAll() : Texts.standardInput();
    }

    private void print(Score score, PrintWriter out) {
        if (json) {
            printJson(facts(score));
            return;
        }
        if (each) {
            score.tokens()
                    .forEach(t -> out.printf(Locale.ROOT, "%8.4f  %s%n", t.logProbability(), Texts.visible(t.text())));
        }
        out.printf(
                Locale.ROOT,
                "%d tokens, %d bytes: %.4f nats a token, perplexity %.4g, %.4f bits a byte%n",
                score.tokens().size(),
                score.bytes(),
                score.nats(),
                score.perplexity(),
                score.bitsPerByte());
    }

    private Map<String, Object> facts(Score score) {
        var facts = new LinkedHashMap<String, Object>();
        facts.put("tokens", score.tokens().size());
        facts.put("bytes", score.bytes());
        facts.put("log_probability", score.logProbability());
        facts.put("nats", score.nats());
        facts.put("perplexity", score.perplexity());
        facts.put("bits_per_byte", score.bitsPerByte());
        if (each) {
            facts.put(
                    "each",
                    score.tokens().stream()
                            .map(t -> Map.of("id", t.id(), "text", t.text(), "log_probability", t.logProbability()))
                            .toList());
        }
        return facts;
    }
}
