package cloze.cli.text;

import cloze.cli.Sizes;
import cloze.cli.Subcommand;
import cloze.cli.Texts;
import cloze.text.TextSource;
import cloze.text.TokenizerTraining;
import cloze.text.token.ByteTokenizer;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code cloze tokenize}. */
@Command(
        name = "tokenize",
        description = "Trains tokenizers, and turns text into tokens and back.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {Tokenize.Train.class, Tokenize.Encode.class, Tokenize.Decode.class},
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze tokenize train --data book.txt --vocabulary 8000 --out tokenizer.json",
            "  cloze tokenize encode --tokenizer tokenizer.json \"Call me Ishmael.\"",
            "  cloze tokenize decode --tokenizer tokenizer.json 318 257"
        })
public final class Tokenize extends Subcommand {
    @Override
    public Integer call() {
        throw wrongUsage("tokenize needs a command: train, encode or decode");
    }

    /** {@code cloze tokenize train}. */
    @Command(
            name = "train",
            description = "Learns a tokenizer from text and writes it as a tokenizer.json.",
            footerHeading = "%nExample:%n",
            footer = "  cloze tokenize train --data book.txt --kind bpe --vocabulary 8000 --out tokenizer.json")
    static final class Train extends Subcommand {
        enum Kind {
            BPE,
            CHAR,
            BYTE
        }

        @Option(
                names = "--data",
                paramLabel = "PATH",
                arity = "1..*",
                required = true,
                description = "Text files, or folders of them, to learn from; - for standard input.")
        private List<Path> data = List.of();

        @Option(
                names = "--kind",
                paramLabel = "KIND",
                defaultValue = "bpe",
                description = "One of ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
        private Kind kind = Kind.BPE;

        @Option(
                names = "--vocabulary",
                paramLabel = "N",
                defaultValue = "8000",
                converter = Sizes.Count.class,
                description = "Tokens of a BPE vocabulary, the 256 bytes included (default: ${DEFAULT-VALUE}).")
        private long vocabulary;

        @Option(names = "--out", paramLabel = "FILE", required = true, description = "The tokenizer.json to write.")
        private Path out = Path.of("tokenizer.json");

        @Override
        public Integer call() throws IOException {
            Tokenizer tokenizer = switch (kind) {
                case BPE -> bpe();
                case CHAR -> TokenizerTraining.characters(sources());
                case BYTE -> new ByteTokenizer();
            };
            tokenizer.save(out);
            out().printf(Locale.ROOT, "%s: %d tokens%n", out, tokenizer.vocabularySize());
            return 0;
        }

        private Tokenizer bpe() throws IOException {
            try {
                return TokenizerTraining.merges(Math.toIntExact(vocabulary), sources(), Long.MAX_VALUE);
            } catch (IllegalArgumentException | ArithmeticException e) {
                throw wrongUsage("--vocabulary", e);
            }
        }

        private List<TextSource> sources() throws IOException {
            var sources = new ArrayList<TextSource>();
            for (Path path : data) {
                sources.add(TextSource.of(path));
            }
            return sources;
        }
    }

    /** {@code cloze tokenize encode}. */
    @Command(
            name = "encode",
            description = "Prints the tokens of a text.",
            footerHeading = "%nExamples:%n",
            footer = {
                "  cloze tokenize encode --tokenizer runs/book \"Call me Ishmael.\"",
                "  cloze tokenize encode --tokenizer tokenizer.json --pieces < book.txt"
            })
    static final class Encode extends Subcommand {
        @Mixin
        private final TokenizerOption tokenizer = new TokenizerOption();

        @Option(names = "--pieces", description = "Print one line per token: its number and its text.")
        private boolean pieces;

        @Parameters(paramLabel = "TEXT", arity = "0..1", description = "The text; without it, standard input.")
        private @Nullable String text;

        @Mixin
        private final LiteralOption literal = new LiteralOption();

        @Override
        public Integer call() throws IOException {
            Tokenizer loaded = literal.of(tokenizer.load());
            int[] ids = loaded.encode(text != null ? text : Texts.standardInput());
            PrintWriter out = out();
            if (pieces) {
                Arrays.stream(ids)
                        .forEach(id -> out.printf(Locale.ROOT, "%d\t%s%n", id, Texts.visible(loaded.decode(id))));
            } else {
                out.println(IntStream.of(ids).mapToObj(String::valueOf).collect(Collectors.joining(" ")));
            }
            out.flush();
            return 0;
        }
    }

    /** {@code cloze tokenize decode}. */
    @Command(
            name = "decode",
            description = "Prints the text of tokens.",
            footerHeading = "%nExample:%n",
            footer = "  cloze tokenize decode --tokenizer tokenizer.json 318 257")
    static final class Decode extends Subcommand {
        @Mixin
        private final TokenizerOption tokenizer = new TokenizerOption();

        @Parameters(paramLabel = "ID", arity = "1..*", description = "Numbers of tokens.")
        private List<Integer> ids = List.of();

        @Override
        public Integer call() throws IOException {
            Tokenizer loaded = tokenizer.load();
            int v = loaded.vocabularySize();
            for (int id : ids) {
                if (id < 0 || id >= v) {
                    throw wrongUsage(String.format(Locale.ROOT, "ID must be 0 to %d, but it is %d", v - 1, id));
                }
            }
            PrintWriter out = out();
            out.println(loaded.decode(ids.stream().mapToInt(Integer::intValue).toArray()));
            out.flush();
            return 0;
        }
    }

    /** The option that names a tokenizer. */
    static final class TokenizerOption {
        @Option(
                names = "--tokenizer",
                paramLabel = "PATH",
                required = true,
                description = "A tokenizer.json, or a run or model folder with one.")
        private Path path = Path.of("tokenizer.json");

        Tokenizer load() throws IOException {
            return Tokenizer.load(path);
        }
    }
}
