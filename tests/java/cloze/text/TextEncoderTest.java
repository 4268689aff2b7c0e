package cloze.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import cloze.io.Progress;
import cloze.text.bpe.BpeTokenizer;
import cloze.text.bpe.BpeTrainer;
import cloze.text.token.CharTokenizer;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextEncoderTest {
    private static final EncodeOptions OPTIONS =
            EncodeOptions.standard().withThreads(2).withCheckpointBytes(1 << 20);

    private static BpeTokenizer tokenizer;
    private static String text;

    @TempDir
    Path folder;

    private Path tokenizerJson;

    @BeforeAll
    static void train() {
        text = EmbeddedText.mobyDick();
        BpeTrainer trainer = new BpeTrainer(BpeTrainer.Config.gpt2(600));
        trainer.add(text.substring(0, 100_000));
        tokenizer = trainer.train(Progress.NONE);
    }

    @BeforeEach
    void saveTokenizer() throws IOException {
        tokenizerJson = folder.resolve("tokenizer.json");
        tokenizer.save(tokenizerJson);
    }

    private TokenFile encode(TextSource source, String name) throws IOException {
        return TextEncoder.encode(source, tokenizer, folder.resolve(name), OPTIONS, Progress.NONE);
    }

    private static int[] ids(Tokens tokens) {
        int[] ids = new int[(int) tokens.count()];
        tokens.read(0, java.lang.foreign.MemorySegment.ofArray(ids), ids.length);
        return ids;
    }

    @Test
    void gives_the_ids_of_the_text_in_one_call() throws IOException {
        String several = text + text + text;
        int[] expected = tokenizer.encode(several + Tokenizer.END_OF_TEXT);
        try (TokenFile file = encode(TextSource.of("three", several), "three.tokens")) {
            assertThat(java.util.Arrays.equals(ids(file), expected)).isTrue(); // AssertJ compares in n^2
            assertThat(file.textBytes()).isEqualTo(several.getBytes(StandardCharsets.UTF_8).length);
            assertThat(file.documents()).isEqualTo(1);
            file.verify();
            file.requireTokenizer(Tokenizer.load(tokenizerJson));
        }
    }

    @Test
    void reads_folders_by_name_and_gzip() throws IOException {
        Path texts = Files.createDirectories(folder.resolve("texts/sub"));
        Files.writeString(texts.resolve("b.txt"), "second");
        Files.writeString(texts.resolve(".hidden"), "not this");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(folder.resolve("texts/a.txt.gz")))) {
            out.write("first".getBytes(StandardCharsets.UTF_8));
        }
        try (TokenFile file = encode(TextSource.of(folder.resolve("texts")), "folder.tokens")) {
            assertThat(tokenizer.decode(ids(file))).isEqualTo("first<|endoftext|>second<|endoftext|>");
            assertThat(file.documents()).isEqualTo(2);
        }
    }

    @Test
    void names_the_place_in_a_truncated_gzip() throws IOException {
        Path whole = folder.resolve("whole.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(whole))) {
            out.write(text.getBytes(StandardCharsets.UTF_8));
        }
        byte[] bytes = Files.readAllBytes(whole);
        Path cut = folder.resolve("cut.gz");
        Files.write(cut, java.util.Arrays.copyOf(bytes, bytes.length / 2));
        assertThatThrownBy(() -> encode(TextSource.of(cut), "cut.tokens"))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("cut.gz", "of the text", "end of the file");
    }

    @Test
    void counts_broken_utf8_or_refuses_it() throws IOException {
        Path file = folder.resolve("broken.txt");
        Files.write(file, new byte[] {'a', (byte) 0xFF, 'b', (byte) 0xE2, (byte) 0x82});
        try (TokenFile tokens = encode(TextSource.of(file), "broken.tokens")) {
            assertThat(tokenizer.decode(ids(tokens))).isEqualTo("a\ufffdb\ufffd<|endoftext|>");
            assertThat(tokens.replaced()).isEqualTo(2);
        }
        assertThatThrownBy(() -> TextEncoder.encode(
                        TextSource.of(file),
                        tokenizer,
                        folder.resolve("strict.tokens"),
                        OPTIONS.withStrict(true),
                        Progress.NONE))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("broken.txt", "byte 1", "0xff");
    }

    @Test
    void names_file_and_byte_of_an_unknown_character() throws IOException {
        Path file = folder.resolve("letters.txt");
        Files.writeString(file, "abcabcäx");
        assertThatThrownBy(() -> TextEncoder.encode(
                        TextSource.of(file),
                        CharTokenizer.of("abcx"),
                        folder.resolve("letters.tokens"),
                        OPTIONS,
                        Progress.NONE))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("letters.txt", "byte 6", "U+00E4");
    }

    @Test
    void goes_on_after_a_kill_and_gives_the_same_file() throws Exception {
        Path input = folder.resolve("long.txt");
        Files.writeString(input, text.repeat(8));
        encode(TextSource.of(input), "whole.tokens").close();
        Path resumed = folder.resolve("resumed.tokens");
        Process killed = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        EncodeAndDie.class.getName(),
                        input.toString(),
                        tokenizerJson.toString(),
                        resumed.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(killed.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(killed.waitFor()).as(said).isEqualTo(EncodeAndDie.STATUS);
        assertThat(resumed).doesNotExist();
        long[] first = {-1};
        TextEncoder.encode(TextSource.of(input), tokenizer, resumed, OPTIONS, (done, total, unit) -> {
                    first[0] = first[0] < 0 ? done : first[0];
                })
                .close();
        assertThat(first[0]).as("bytes done at the first report").isGreaterThan(3L << 20);
        assertThat(Files.mismatch(resumed, folder.resolve("whole.tokens"))).isEqualTo(-1);
        try (var left = Files.list(folder)) {
            assertThat(left.map(p -> p.getFileName().toString()))
                    .noneMatch(name -> name.endsWith(".partial") || name.endsWith(".progress"));
        }
    }

    @Test
    void encodes_once_into_a_cache() throws IOException {
        TokenCache cache = new TokenCache(folder.resolve("cache"));
        TextSource source = TextSource.of("some", text.substring(0, 50_000));
        List<Long> calls = new java.util.ArrayList<>();
        for (int i = 0; i < 2; i++) {
            cache.get(source, tokenizer, OPTIONS, (done, total, unit) -> calls.add(done))
                    .close();
        }
        assertThat(calls).hasSize(1);
        try (TokenFile ordinary = cache.get(source, tokenizer.ordinary(), OPTIONS, (d, t, u) -> calls.add(d))) {
            assertThat(ordinary.count()).isPositive();
        }
        assertThat(calls).hasSize(2);
    }

    @Test
    void reads_a_column_of_parquet() throws Exception {
        Path snappy =
                Path.of(getClass().getResource("/golden/data/snappy.parquet").toURI());
        try (TokenFile file = encode(TextSource.of(snappy), "rows.tokens")) {
            String[] rows = tokenizer.decode(ids(file)).split("<\\|endoftext\\|>", -1);
            assertThat(file.documents()).isEqualTo(300);
            assertThat(rows).hasSize(301);
            assertThat(rows[0]).isEqualTo("Row 0: Call me Ishmael. 中文 😀 ");
            assertThat(rows[7]).isEmpty();
            assertThat(rows[299]).isEqualTo("Row 299: Call me Ishmael. 中文 😀 " + "x".repeat(49));
        }
        Path two = Path.of(getClass().getResource("/golden/data/two.parquet").toURI());
        assertThatThrownBy(() -> encode(TextSource.of(two), "two.tokens"))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("two.parquet", "title", "text");
        assertThat(TextSource.of(two, "title").readAll()).isEqualTo("T".repeat(300));
    }

    @Test
    void refuses_damaged_parquet() throws Exception {
        byte[] bytes = Files.readAllBytes(
                Path.of(getClass().getResource("/golden/data/snappy.parquet").toURI()));
        java.util.Random random = new java.util.Random(3);
        for (int i = 0; i < 60; i++) {
            byte[] bad = i < 10 ? java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes.clone();
            for (int k = 0; k < 20 && bad.length > 0; k++) {
                bad[random.nextInt(bad.length)] = (byte) random.nextInt();
            }
            Path file = folder.resolve("bad.parquet");
            Files.write(file, bad);
            try {
                TextSource.of(file).readAll();
            } catch (IOException e) {
                assertThat(e).hasMessageContaining("bad.parquet");
            }
        }
    }
}
