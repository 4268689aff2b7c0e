package cloze.text;

import cloze.io.Progress;
import cloze.text.token.ByteTokenizer;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The tokens of a text, split after a line: the first part for training, the rest held out.
 *
 * @param bytesPerToken mean of the held-out text
 */
public record TextData(Tokenizer tokenizer, Tokens train, Tokens heldOut, double bytesPerToken) {
    private static final String STANDARD_INPUT = "-";
    private static final String MERGES = "bpe:";
    private static final int LONGEST_LINE = 10_000;
    private static final int NEAR = 4; // the share that is held out may change by a quarter

    /**
     * Reads and encodes a text, or opens the cached tokens.
     *
     * @param cache folder of installed texts ({@code data/NAME}) and cached tokens
     */
    public static TextData prepare(TextSettings text, Path cache, Progress progress) throws IOException {
        if (!text.data().equals(STANDARD_INPUT) || !learns(text.tokenizer())) {
            TextSource source = source(text, cache);
            return prepare(text, source, tokenizer(text.tokenizer(), source), cache, progress);
        }
        Files.createDirectories(cache);
        Path copy = Files.createTempFile(cache, "standard-input-", ".txt"); // it is read twice, and can be read once
        try {
            TextSource source = TextSource.copied("standard input", System.in, copy);
            return prepare(text, source, tokenizer(text.tokenizer(), source), cache, progress);
        } finally {
            Files.deleteIfExists(copy);
        }
    }

    /** Like {@link #prepare(TextSettings, Path, Progress)} with the tokenizer of a run that is resumed. */
    public static TextData prepare(TextSettings text, Tokenizer tokenizer, Path cache, Progress progress)
            throws IOException {
        return prepare(text, source(text, cache), tokenizer, cache, progress);
    }

    private static TextData prepare(
            TextSettings text, TextSource source, Tokenizer tokenizer, Path cache, Progress progress)
            throws IOException {
        Tokens all = text.data().equals(TextSettings.EMBEDDED)
                ? Tokens.of(tokenizer.ordinary().encode(EmbeddedText.mobyDick()))
                : encoded(source, tokenizer, cache, progress);
        long cut = cut(all, tokenizer, text.heldOut());
        Tokens heldOut = all.slice(cut, all.count() - cut);
        if (cut < 2 || heldOut.count() < 2) {
            throw new IOException(String.format(
                    Locale.ROOT,
                    "%s has only %d tokens: too few to train on one part and hold out another",
                    source.name(),
                    all.count()));
        }
        return new TextData(tokenizer, all.slice(0, cut), heldOut, bytesPerToken(heldOut, tokenizer));
    }

    private static Tokens encoded(TextSource source, Tokenizer tokenizer, Path cache, Progress progress)
            throws IOException {
        TokenFile tokens =
                new TokenCache(cache.resolve("tokens")).get(source, tokenizer, EncodeOptions.standard(), progress);
        if (tokens.textBytes() == 0) {
            tokens.close();
            throw TokenizerTraining.none(source.name());
        }
        return tokens;
    }

    private static TextSource source(TextSettings text, Path cache) throws IOException {
        if (text.data().equals(TextSettings.EMBEDDED)) {
            return EmbeddedText.mobyDickSource();
        }
        String column = text.column().isEmpty() ? null : text.column();
        Path path = Path.of(text.data());
        if (!text.data().equals(STANDARD_INPUT) && !Files.exists(path)) {
            Path installed = cache.resolve("data").resolve(text.data());
            if (!Files.exists(installed)) {
                throw new IOException(String.format(
                        Locale.ROOT,
                        "no text '%s': it is no file or folder, and not installed (build-scripts/data %s installs it if it is one of the named sets)",
                        text.data(),
                        text.data()));
            }
            path = installed;
        }
        return TextSource.of(path, column);
    }

    /** True for a tokenizer that is made from the text. */
    private static boolean learns(String kind) {
        return kind.equals("char") || kind.startsWith(MERGES);
    }

    private static Tokenizer tokenizer(String kind, TextSource source) throws IOException {
        if (kind.equals("byte")) {
            return new ByteTokenizer();
        }
        if (kind.equals("char")) {
            return TokenizerTraining.characters(List.of(source));
        }
        if (kind.startsWith(MERGES)) {
            int size = size(kind.substring(MERGES.length()));
            return TokenizerTraining.merges(size, List.of(source), TokenizerTraining.ENOUGH);
        }
        Path file = Path.of(kind);
        if (!Files.exists(file)) {
            throw new IOException(String.format(
                    Locale.ROOT,
                    "no tokenizer '%s': it must be char, byte, bpe:N, or a tokenizer.json or its folder",
                    kind));
        }
        return Tokenizer.load(file);
    }

    private static int size(String digits) throws IOException {
        try {
            return Integer.parseInt(digits);
        } catch (NumberFormatException e) {
            throw new IOException(
                    String.format(Locale.ROOT, "the size in bpe:N must be a whole number, but it is '%s'", digits), e);
        }
    }

    /**
     * The split position: after the line end that is next to the fraction, or at the fraction where none is near: a
     * long line must not take the text that is held out.
     */
    private static long cut(Tokens all, Tokenizer tokenizer, double heldOut) {
        long wanted = Math.round(all.count() * (1 - heldOut));
        long near = Math.min(LONGEST_LINE, Math.min(wanted, all.count() - wanted) / NEAR);
        for (long i = Math.max(0, wanted - 1); i < Math.min(all.count() - 2, wanted + near); i++) {
            if (endsLine(tokenizer, all.at(i))) {
                return i + 1;
            }
        }
        for (long i = wanted - 2; i >= Math.max(1, wanted - near); i--) {
            if (endsLine(tokenizer, all.at(i))) {
                return i + 1;
            }
        }
        return wanted;
    }

    private static boolean endsLine(Tokenizer tokenizer, int id) {
        byte[] bytes = tokenizer.bytes(id);
        return bytes.length > 0 && bytes[bytes.length - 1] == '\n';
    }

    private static double bytesPerToken(Tokens tokens, Tokenizer tokenizer) {
        int[] lengths = new int[tokenizer.vocabularySize()];
        Arrays.fill(lengths, -1);
        long bytes = 0;
        for (long i = 1; i < tokens.count(); i++) {
            int id = tokens.at(i);
            if (lengths[id] < 0) {
                lengths[id] = tokenizer.bytes(id).length;
            }
            bytes += lengths[id];
        }
        return (double) bytes / (tokens.count() - 1);
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%,d tokens to train on, %,d held out, vocabulary %,d, %.2f bytes per token",
                train.count(),
                heldOut.count(),
                tokenizer.vocabularySize(),
                bytesPerToken);
    }
}
