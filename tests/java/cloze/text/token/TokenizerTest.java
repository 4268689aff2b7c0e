package cloze.text.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import cloze.text.EmbeddedText;
import cloze.text.MixedLines;
import cloze.text.TextSplit;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenizerTest {
    @TempDir
    Path folder;

    @Test
    void characters_equal_hugging_face() throws IOException {
        List<String> lines = MixedLines.make(2000, 1);
        CharTokenizer tokenizer = CharTokenizer.of(String.join("", lines), Tokenizer.END_OF_TEXT, "<unk>");
        Path file = folder.resolve("tokenizer.json");
        tokenizer.save(file);
        try (HuggingFace oracle = new HuggingFace(file)) {
            oracle.agrees(tokenizer, lines);
            oracle.agrees(Tokenizer.load(file), MixedLines.make(2000, 2));
        }
        assertThat(Tokenizer.load(file).fingerprint()).isEqualTo(tokenizer.fingerprint());
    }

    @Test
    void characters_name_the_one_they_lack() {
        CharTokenizer tokenizer = CharTokenizer.of("abc\n");
        assertThat(tokenizer.vocabularySize()).isEqualTo(4);
        assertThat(tokenizer.decode(tokenizer.encode("cab\n"))).isEqualTo("cab\n");
        assertThatThrownBy(() -> tokenizer.encode("cab中"))
                .isInstanceOf(UnknownCharacterException.class)
                .hasMessageContainingAll("byte 3", "U+4E2D");
        assertThat(tokenizer.endOfText()).isEmpty();
    }

    @Test
    void bytes_equal_hugging_face() throws IOException {
        ByteTokenizer tokenizer = new ByteTokenizer();
        Path file = folder.resolve("tokenizer.json");
        tokenizer.save(file);
        assertThat(Tokenizer.load(file)).isInstanceOf(ByteTokenizer.class);
        try (HuggingFace oracle = new HuggingFace(file)) {
            oracle.agrees(tokenizer, MixedLines.make(4000, 3));
        }
    }

    @Test
    void bytes_keep_what_is_no_utf8() {
        Random random = new Random(1);
        byte[] bytes = new byte[1000];
        random.nextBytes(bytes);
        TokenBuffer out = new TokenBuffer(16);
        new ByteTokenizer().encode(bytes, 0, bytes.length, out);
        for (int i = 0; i < bytes.length; i++) {
            assertThat(new ByteTokenizer().bytes(out.at(i))).containsExactly(bytes[i]);
        }
    }

    @Test
    void cuts_of_characters_and_bytes_keep_the_ids() {
        List<String> lines = MixedLines.make(2000, 5);
        for (Tokenizer tokenizer :
                List.of(new ByteTokenizer(), CharTokenizer.of(String.join("", lines), Tokenizer.END_OF_TEXT))) {
            for (String line : lines) {
                byte[] utf8 = line.repeat(3).getBytes(StandardCharsets.UTF_8);
                TokenBuffer parts = new TokenBuffer(64);
                int place = tokenizer.cut(utf8, 0, utf8.length);
                tokenizer.encode(utf8, 0, place, parts);
                tokenizer.encode(utf8, place, utf8.length, parts);
                assertThat(parts.toArray()).containsExactly(tokenizer.encode(line.repeat(3)));
            }
        }
    }

    @Test
    void reads_gpt2_files() throws IOException {
        Files.writeString(folder.resolve("encoder.json"), """
                {"h": 0, "e": 1, "\u0120": 2, "he": 3, "\u0120he": 4, "<|endoftext|>": 5}""");
        Files.writeString(folder.resolve("vocab.bpe"), "#version: 0.2\nh e\n\u0120 he\n");
        Tokenizer tokenizer = Tokenizer.load(folder);
        assertThat(tokenizer.encode("he he<|endoftext|>eh")).containsExactly(3, 4, 5, 1, 0);
        Path json = folder.resolve("copy.json");
        tokenizer.save(json);
        try (HuggingFace oracle = new HuggingFace(json)) {
            oracle.agrees(tokenizer, List.of("he he<|endoftext|>eh", "hexe", ""));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "{;JSON;line 1",
                "{};/model/type;nothing",
                "{\"model\":{\"type\":\"Unigram\"}};/model/type;Unigram",
                "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}};/pre_tokenizer;nothing",
                "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}};/model/vocab;-1",
                "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":2000000000},\"merges\":[]}};/model/vocab;2000000000",
                "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}};/model/vocab;\"a\"",
                "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"aa\"]}};/model/merges/0;aa",
                "{\"model\":{\"type\":\"BPE\",\"dropout\":0.1,\"vocab\":{},\"merges\":[]}};/model/dropout;0.1",
                "{\"pre_tokenizer\":{\"type\":\"Metaspace\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},"
                        + "\"merges\":[]}};/pre_tokenizer;Metaspace",
                "{\"normalizer\":{\"type\":\"Lowercase\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},"
                        + "\"merges\":[]}};/normalizer;Lowercase",
                "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"aa\":1},"
                        + "\"merges\":[\"a b\"]}};/model/merges/0;\"b\"",
                "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"aa\":1},"
                        + "\"merges\":[\"a a\"]}};/decoder;nothing",
            })
    void names_the_piece_that_it_cannot_read(String json, String place, String found) throws IOException {
        Path file = folder.resolve("tokenizer.json");
        Files.writeString(file, json);
        assertThatThrownBy(() -> Tokenizer.load(file))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("tokenizer.json", place, found);
    }

    @Test
    void embeds_moby_dick_and_splits_it_at_a_line() {
        String text = EmbeddedText.mobyDick();
        assertThat(text).contains("Call me Ishmael.");
        assertThat(text.getBytes(StandardCharsets.UTF_8)).hasSize(1_216_415);
        TextSplit split = TextSplit.of(text, 0.1);
        assertThat(split.train() + split.validation()).isEqualTo(text);
        assertThat(split.train()).endsWith("\n");
        assertThat((double) split.validation().length() / text.length()).isBetween(0.097, 0.101);
        assertThat(TextSplit.of(text, 0).validation()).isEmpty();
        assertThat(TextSplit.of(text, 1).train()).isEmpty();
    }

    private Path bytePairs(String model, String added) throws IOException {
        String json = String.format(Locale.ROOT, """
                {"added_tokens":[%s],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},
                 "decoder":{"type":"ByteLevel"},"model":{"type":"BPE",%s"vocab":{"a":0,"b":1,"c":2},"merges":[]}}
                """, added, model);
        return Files.writeString(folder.resolve("tokenizer.json"), json);
    }

    @ParameterizedTest
    @CsvSource({
        "2147483647, /added_tokens/0/id",
        "2147483646, /added_tokens/0/id",
        "100000,     /added_tokens/0/id",
        "-1,         /added_tokens/0/id",
        "4294967296, /added_tokens/0",
        "1.5,        /added_tokens/0",
        "null,       /added_tokens/0",
        "1,          /model/vocab"
    })
    void ids_of_added_tokens_are_checked(String id, String place) throws IOException {
        Path file = bytePairs("", String.format(Locale.ROOT, "{\"id\":%s,\"content\":\"<x>\"}", id));
        assertThatThrownBy(() -> Tokenizer.load(file))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll(file.toString(), place);
    }

    @Test
    void added_tokens_have_ids_of_their_own_and_may_leave_gaps() throws IOException {
        String x = "{\"id\":9,\"content\":\"<x>\",\"special\":true}";
        Tokenizer gap = Tokenizer.load(bytePairs("", x));
        assertThat(gap.vocabularySize()).isEqualTo(10);
        assertThat(gap.encode("a<x>b")).containsExactly(0, 9, 1);
        assertThat(gap.ordinary().encode("<x>")).isEmpty();
        assertThat(gap.decode(0, 5, 9)).isEqualTo("a<x>");
        Path twice = bytePairs("", x + "," + x.replace("<x>", "<y>"));
        assertThatThrownBy(() -> Tokenizer.load(twice)).hasMessageContainingAll("/added_tokens/1/id", "<x>");
        Path moved = bytePairs("", "{\"id\":5,\"content\":\"b\"}");
        assertThatThrownBy(() -> Tokenizer.load(moved)).hasMessageContainingAll("/added_tokens/0/id", "/model/vocab");
    }

    @Test
    void a_dropout_of_zero_is_none() throws IOException {
        for (String zero : List.of("0", "0.0", "null", "-0.0")) {
            assertThat(Tokenizer.load(bytePairs("\"dropout\":" + zero + ",", ""))
                            .encode("cab"))
                    .containsExactly(2, 0, 1);
        }
        for (String other : List.of("0.1", "true", "[0]", "\"0\"")) {
            assertThatThrownBy(() -> Tokenizer.load(bytePairs("\"dropout\":" + other + ",", "")))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("/model/dropout");
        }
    }

    @Test
    void json_that_is_too_deep_or_no_utf8_is_refused() throws IOException {
        Path file = folder.resolve("tokenizer.json");
        for (String open : List.of("[", "{\"a\":", "{\"pre_tokenizer\":{\"pretokenizers\":[")) {
            Files.writeString(file, open.repeat(100_000));
            assertThatThrownBy(() -> Tokenizer.load(file))
                    .isInstanceOf(DataException.class)
                    .hasMessageContainingAll("tokenizer.json", "nesting depth");
        }
        Files.write(file, new byte[] {'{', '"', (byte) 0xFF});
        assertThatThrownBy(() -> Tokenizer.load(file))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("tokenizer.json", "byte 2", "UTF-8");
    }
}
