package cloze.cli.text;

import cloze.text.token.Tokenizer;
import picocli.CommandLine.Option;

/** The option that takes a text literally. */
final class LiteralOption {
    @Option(
            names = "--literal",
            description = "Take special tokens in the text, such as <|endoftext|>, as ordinary characters.")
    private boolean literal;

    Tokenizer of(Tokenizer tokenizer) {
        return literal ? tokenizer.ordinary() : tokenizer;
    }
}
