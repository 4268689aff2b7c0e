package cloze.text;

import cloze.io.Progress;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/**
 * A folder of token files, named by text, tokenizer and options, so that a text is encoded once. A source without a
 * fingerprint, such as the standard input, gets a new file each time.
 */
public record TokenCache(Path folder) {
    /** Opens the cached tokens of a source, or encodes them first. */
    public TokenFile get(TextSource source, Tokenizer tokenizer, EncodeOptions options, Progress progress)
            throws IOException {
        boolean known = source.fingerprint().isPresent();
        String key = known ? TextEncoder.key(source, tokenizer, options).substring(0, 32) : "once-" + UUID.randomUUID();
        Path file = folder.resolve(key + ".tokens");
        if (known && Files.exists(file)) {
            TokenFile tokens = TokenFile.open(file);
            tokens.requireTokenizer(tokenizer);
            return tokens;
        }
        return TextEncoder.encode(source, tokenizer, file, options, progress);
    }
}
