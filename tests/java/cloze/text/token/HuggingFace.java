package cloze.text.token;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;

/** The tokenizers library of Hugging Face, as the oracle. */
public final class HuggingFace implements AutoCloseable {
    private final HuggingFaceTokenizer tokenizer;

    public HuggingFace(Path tokenizerJson) throws IOException {
        tokenizer = HuggingFaceTokenizer.newInstance(
                tokenizerJson, Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false"));
    }

    int[] encode(String text) {
        return Arrays.stream(tokenizer.encode(text).getIds())
                .mapToInt(id -> (int) id)
                .toArray();
    }

    String decode(int[] ids) {
        return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), false);
    }

    /** Ours and theirs give the same ids for each line, and the same text for the ids. */
    public void agrees(Tokenizer ours, Iterable<String> lines) {
        for (String line : lines) {
            int[] expected = encode(line);
            assertThat(ours.encode(line)).as("ids of %s", escaped(line)).isEqualTo(expected);
            assertThat(ours.decode(expected)).as("text of %s", escaped(line)).isEqualTo(decode(expected));
        }
    }

    private static String escaped(String line) {
        StringBuilder shown = new StringBuilder();
        line.chars()
                .forEach(c ->
                        shown.append(c >= ' ' && c < 127 ? "" + (char) c : String.format(Locale.ROOT, "\\u%04x", c)));
        return shown.toString();
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
