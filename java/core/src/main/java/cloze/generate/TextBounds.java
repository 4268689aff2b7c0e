package cloze.generate;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The tokens at which texts begin and end.
 *
 * @param start the token after which a text without context begins
 * @param ends tokens that end a text
 */
public record TextBounds(int start, Set<Integer> ends) {
    private static final String START = "bos_token_id";
    private static final String END = "eos_token_id";

    public TextBounds {
        ends = Set.copyOf(ends);
    }

    /** The bounds by the names of special tokens. */
    public static TextBounds of(Tokenizer tokenizer) {
        OptionalInt end = tokenizer.endOfText();
        return new TextBounds(tokenizer.beforeText(), end.isPresent() ? Set.of(end.getAsInt()) : Set.of());
    }

    /**
     * The bounds that a folder names by id: {@code eos_token_id} and {@code bos_token_id} of its
     * {@code generation_config.json} or else of its {@code config.json}, or else those by name. A start without a token is
     * passed over, since files of small models often keep the ids of a large one.
     *
     * @throws CheckpointException if such an id is no whole number
     */
    public static TextBounds read(Path folder, Tokenizer tokenizer) throws IOException {
        List<Path> files = Stream.of("generation_config.json", "config.json")
                .map(folder::resolve)
                .filter(Files::isRegularFile)
                .toList();
        TextBounds named = of(tokenizer);
        List<Integer> ends = ids(files, END);
        int start = Stream.concat(ids(files, START).stream(), ends.stream())
                .filter(id -> id < tokenizer.vocabularySize())
                .findFirst()
                .orElse(named.start);
        return new TextBounds(start, ends.isEmpty() ? named.ends : Set.copyOf(ends));
    }

    private static List<Integer> ids(List<Path> files, String key) throws IOException {
        for (Path file : files) {
            ConfigJson config = ConfigJson.read(file);
            if (config.has(key)) {
                return config.wholes(key).stream()
                        .filter(id -> id >= 0 && id <= Integer.MAX_VALUE)
                        .map(Long::intValue)
                        .toList();
            }
        }
        return List.of();
    }
}
