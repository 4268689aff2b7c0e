package cloze.text;

import cloze.text.token.Tokenizer;
import java.nio.file.Path;

/** A process that halts in the middle of an encode, as if killed. */
final class EncodeAndDie {
    static final int STATUS = 77;

    private EncodeAndDie() {}

    public static void main(String[] arguments) throws Exception {
        TextSource source = TextSource.of(Path.of(arguments[0]));
        Tokenizer tokenizer = Tokenizer.load(Path.of(arguments[1]));
        EncodeOptions options = EncodeOptions.standard().withThreads(2).withCheckpointBytes(1 << 20);
        TextEncoder.encode(source, tokenizer, Path.of(arguments[2]), options, (done, total, unit) -> {
            if (done > 5 << 20) {
                Runtime.getRuntime().halt(STATUS);
            }
        });
    }
}
