package cloze.text;

import cloze.io.Progress;
import cloze.text.bpe.BpeTrainer;
import cloze.text.token.ByteTokenizer;
import cloze.text.token.CharTokenizer;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/**
 * The tokens of a text, split after a line: the first part for training, the rest held out.
 *
 * @param bytesPerToken mean of the held-out text
 */
public record TextData(Tokenizer tokenizer, Tokens train, Tokens heldOut, double bytesPerToken) {
    private static final int LONGEST_LINE = 10_000;

    /** Maximum text for training a tokenizer; more adds little to a vocabulary. */
    private static final int TOKENIZER_BYTES = 64 << 20;

    /**
     * Reads and encodes a text, or opens the cached tokens.
     *
     * @param cache folder of installed texts ({@code data/NAME}) and cached tokens
     */
    public static TextData prepare(TextSettings text, Path cache, Progress progress) throws IOException {
        return prepare(text, tokenizer(text, cache), cache, progress);
    }

    /** Like {@link #prepare(TextSettings, Path, Progress)} with the tokenizer of a run that is resumed. */
    public static TextData prepare(TextSettings text, Tokenizer tokenizer, Path cache, Progress progress)
            throws IOException {
        Tokens all = text.data().equals(TextSettings.EMBEDDED)
                ? Tokens.of(tokenizer.ordinary().encode(EmbeddedText.mobyDick()))
                : new TokenCache(cache.resolve("tokens"))
                        .get(source(text, cache), tokenizer, EncodeOptions.standard(), progress);
        long cut = cut(all, tokenizer, text.heldOut());
        Tokens heldOut = all.slice(cut, all.count() - cut);
        if (cut < 2 || heldOut.count() < 2) {
            throw new IOException(String.format(
                    Locale.ROOT,
                    "%s has only %d tokens: too few to train on one part and hold out another",
                    text.data(),
                    all.count()));
        }
        return new TextData(tokenizer, all.slice(0, cut), heldOut, bytesPerToken(heldOut, tokenizer));
    }

    private static TextSource source(TextSettings text, Path cache) throws IOException {
        if (text.data().equals(TextSettings.EMBEDDED)) {
            return EmbeddedText.mobyDickSource();
        }
        String column = text.column().isEmpty() ? null : text.column();
        Path path = Path.of(text.data());
        if (!text.data().equals("-") && !Files.exists(path)) {
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

    private static Tokenizer tokenizer(TextSettings text, Path cache) throws IOException {
        String kind = text.tokenizer();
        if (kind.equals("byte")) {
            return new ByteTokenizer();
        }
        if (kind.equals("char")) {
            return CharTokenizer.of(source(text, cache).readAll());
        }
        if (kind.startsWith("bpe:")) {
            return train(kind.substring("bpe:".length()), source(text, cache).readAll());
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

    private static Tokenizer train(String size, String text) throws IOException {
        int vocabulary;
        try {
            vocabulary = Integer.parseInt(size);
        } catch (NumberFormatException e) {
            throw new IOException(
                    String.format(Locale.ROOT, "the size in bpe:N must be a whole number, but it is '%s'", size), e);
        }
        var trainer = new BpeTrainer(BpeTrainer.Config.gpt2(vocabulary));
        trainer.add(text.length() <= TOKENIZER_BYTES ? text : text.substring(0, TOKENIZER_BYTES));
        return trainer.train((done, total, unit) -> {});
    }

    /**
     * The split position: after the first line end from the fraction on, or at the fraction in a text without lines.
     */
    private static long cut(Tokens all, Tokenizer tokenizer, double heldOut) {
        long wanted = Math.round(all.count() * (1 - heldOut));
        for (long i = Math.max(0, wanted - 1); i < Math.min(all.count() - 2, wanted + LONGEST_LINE); i++) {
            byte[] bytes = tokenizer.bytes(all.at(i));
            if (bytes.length > 0 && bytes[bytes.length - 1] == '\n') {
                return i + 1;
            }
        }
        return wanted;
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
