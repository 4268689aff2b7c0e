package cloze.text;

import cloze.io.DurableFiles;
import cloze.io.Fingerprint;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The progress file beside an unfinished token file: the next position in the text, and the number of tokens on disk.
 *
 * @param key fingerprint of the text, tokenizer and options; progress of another key is ignored
 */
record EncodeProgress(String key, TextSource.Position next, long count, TokenHeader.Text text) {
    static EncodeProgress start(String key) {
        return new EncodeProgress(key, TextSource.Position.START, 0, new TokenHeader.Text(0, 0, 0));
    }

    void write(Path file) throws IOException {
        String line = Stream.of(next.file(), next.offset(), count, text.documents(), text.bytes(), text.replaced())
                .map(String::valueOf)
                .reduce(key, (a, b) -> a + " " + b);
        DurableFiles.replace(file, (line + " " + Fingerprint.of(line) + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** Reads the progress; empty if there is none, or if it is damaged or of another key. */
    static Optional<EncodeProgress> read(Path file, String key) throws IOException {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        String line = Files.readString(file, StandardCharsets.ISO_8859_1).strip();
        int end = Math.max(0, line.lastIndexOf(' '));
        String[] words = line.substring(0, end).split(" ", -1);
        boolean whole = Fingerprint.of(line.substring(0, end))
                .equals(line.substring(end).strip());
        if (!whole || words.length != 7 || !words[0].equals(key)) {
            return Optional.empty();
        }
        long[] n = Stream.of(words).skip(1).mapToLong(Long::parseLong).toArray();
        TextSource.Position next = new TextSource.Position((int) n[0], n[1]);
        return Optional.of(new EncodeProgress(key, next, n[2], new TokenHeader.Text(n[3], n[4], n[5])));
    }
}
