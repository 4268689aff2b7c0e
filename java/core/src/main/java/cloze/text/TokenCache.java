package cloze.text;

import cloze.io.DataException;
import cloze.io.Progress;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder of token files, named by text, tokenizer and options, so that a text is encoded once. A source without a
 * fingerprint, such as the standard input, gets a new file each time.
 */
public record TokenCache(Path folder) {
    private static final Logger LOG = LoggerFactory.getLogger(TokenCache.class);

    /** Opens the cached tokens of a source, or encodes them first. */
    public TokenFile get(TextSource source, Tokenizer tokenizer, EncodeOptions options, Progress progress)
            throws IOException {
        boolean known = source.fingerprint().isPresent();
        String key = known ? TextEncoder.key(source, tokenizer, options).substring(0, 32) : "once-" + UUID.randomUUID();
        Path file = folder.resolve(key + ".tokens");
        if (known && Files.exists(file)) {
            TokenFile tokens = TokenFile.open(file);
            try {
                tokens.requireTokenizer(tokenizer);
                tokens.verify();
                return tokens;
            } catch (DataException e) {
                tokens.close();
                LOG.warn("encoding the text anew: {}", e.getMessage());
                Files.delete(file);
            }
        }
        return TextEncoder.encode(source, tokenizer, file, options, progress);
    }
}
