package cloze.text.bpe;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.io.Progress;
import cloze.text.EmbeddedText;
import cloze.text.MixedLines;
import cloze.text.token.HuggingFace;
import cloze.text.token.TokenBuffer;
import cloze.text.token.Tokenizer;
import cloze.text.token.Utf8;
import cloze.text.token.Variants;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BpeTokenizerTest {
    private static final int LINES = 12_000;

    @TempDir
    static Path folder;

    private static BpeTokenizer trained;
    private static Path json;
    private static List<String> lines;

    @BeforeAll
    static void train() throws IOException {
        String text = EmbeddedText.mobyDick();
        BpeTrainer trainer = new BpeTrainer(BpeTrainer.Config.gpt2(2000));
        trainer.add(text.substring(0, 400_000));
        MixedLines.make(3000, 1).forEach(trainer::add);
        trained = trainer.train(Progress.NONE);
        json = folder.resolve("tokenizer.json");
        trained.save(json);
        lines = new ArrayList<>(MixedLines.make(LINES, 2));
        lines.add("a\u0315\u1aca\u0316 e\u0301\u1ac1\u0301 \ua7f2 \ufb01");
        text.lines().skip(2000).limit(2000).forEach(lines::add);
    }

    @Test
    void equals_hugging_face_on_mixed_lines() throws IOException {
        try (HuggingFace oracle = new HuggingFace(json)) {
            oracle.agrees(trained, lines);
            oracle.agrees(Tokenizer.load(json), lines);
        }
    }

    /** Edits of tokenizer.json: old text, new text. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"add_prefix_space\" : false|\"add_prefix_space\" : true",
                "\"ignore_merges\" : false|\"ignore_merges\" : true",
                "\"normalizer\" : null|\"normalizer\" : {\"type\":\"NFC\"}",
                "\"normalizer\" : null|\"normalizer\" : {\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"}]}",
                "\"normalized\" : false|\"normalized\" : true",
                "\"lstrip\" : false|\"lstrip\" : true",
                "\"rstrip\" : false|\"rstrip\" : true",
                "\"single_word\" : false|\"single_word\" : true",
                "\"use_regex\" : true|\"use_regex\" : false",
                "CL100K3",
                "CL100K1",
                "O200K",
                "DIGITS",
                "CONTIGUOUS",
                "PREVIOUS",
                "NEXT",
                "REMOVED"
            })
    void equals_hugging_face_on_variants(String edit) throws IOException {
        String text = Files.readString(json);
        String changed = edit.contains("|")
                ? text.replace(edit.substring(0, edit.indexOf('|')), edit.substring(edit.indexOf('|') + 1))
                : Variants.preTokenizer(text, edit);
        assertThat(changed).isNotEqualTo(text);
        Path file = folder.resolve("variant.json");
        Files.writeString(file, changed);
        try (HuggingFace oracle = new HuggingFace(file)) {
            oracle.agrees(Tokenizer.load(file), lines.subList(0, 4000));
        }
    }

    @Test
    void decodes_what_it_encoded() {
        for (String line : lines) {
            assertThat(trained.decode(trained.encode(line))).isEqualTo(line);
        }
    }

    @Test
    void reads_broken_bytes_as_replacement_characters() {
        Random random = new Random(5);
        for (int i = 0; i < 2000; i++) {
            byte[] bytes = MixedLines.brokenBytes(random);
            TokenBuffer out = new TokenBuffer(8);
            trained.encode(bytes, 0, bytes.length, out);
            assertThat(out.toArray()).containsExactly(trained.encode(Utf8.string(bytes, 0, bytes.length)));
        }
        assertThat(trained.decode(trained.encode("a\ud800b"))).isEqualTo("a\ufffdb");
    }

    @Test
    void cuts_where_the_parts_give_the_ids_of_the_whole() {
        Random random = new Random(6);
        for (int i = 0; i < 3000; i++) {
            String text = String.join(
                    random.nextBoolean() ? " " : "", MixedLines.make(6, i).subList(0, 5));
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            int place = trained.cut(utf8, 0, utf8.length - random.nextInt(utf8.length / 2));
            TokenBuffer parts = new TokenBuffer(64);
            trained.encode(utf8, 0, place, parts);
            trained.encode(utf8, place, utf8.length, parts);
            assertThat(parts.toArray()).containsExactly(trained.encode(text));
        }
    }

    @Test
    void merges_a_long_word_by_heap_as_by_scan() throws IOException {
        try (HuggingFace oracle = new HuggingFace(json)) {
            Random random = new Random(7);
            for (int length : new int[] {47, 48, 49, 50, 333, 5000}) {
                StringBuilder word = new StringBuilder();
                for (int i = 0; i < length; i++) {
                    word.append("etaoinshrdlu".charAt(random.nextInt(12)));
                }
                oracle.agrees(trained, List.of(word.toString(), "ab".repeat(length), "e".repeat(length)));
            }
        }
    }

    @Test
    void spells_special_tokens_out_when_ordinary() {
        int end = trained.endOfText().orElseThrow();
        assertThat(trained.encode("a<|endoftext|>")).contains(end);
        int[] spelled = trained.ordinary().encode("a<|endoftext|>");
        assertThat(spelled).doesNotContain(end);
        assertThat(trained.decode(spelled)).isEqualTo("a<|endoftext|>");
    }

    @Test
    void encodes_alike_on_many_threads() throws Exception {
        int[][] expected = lines.stream().map(trained::encode).toArray(int[][]::new);
        try (var pool = java.util.concurrent.Executors.newFixedThreadPool(4)) {
            List<java.util.concurrent.Callable<int[][]>> tasks = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                tasks.add(() -> lines.stream().map(trained::encode).toArray(int[][]::new));
            }
            for (var future : pool.invokeAll(tasks)) {
                assertThat(Arrays.deepEquals(future.get(), expected)).isTrue();
            }
        }
    }
}
