package cloze.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import cloze.io.Progress;
import cloze.text.bpe.BpeTrainer;
import cloze.text.token.ByteTokenizer;
import cloze.text.token.CharTokenizer;
import cloze.text.token.Tokenizer;
import cloze.text.token.Utf8;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is read as text, and what is refused. */
class TextSourceTest {
    @TempDir
    Path folder;

    private static byte[] joined(byte[] a, byte[] b) {
        byte[] both = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, both, a.length, b.length);
        return both;
    }

    private static byte[] gzip(byte[] bytes) throws IOException {
        var packed = new ByteArrayOutputStream();
        try (var out = new GZIPOutputStream(packed)) {
            out.write(bytes);
        }
        return packed.toByteArray();
    }

    private Path file(String name, byte[] bytes) throws IOException {
        return Files.write(folder.resolve(name), bytes);
    }

    /** Characters of one to four bytes, over the borders of buffers. */
    private static String mixed(int length) {
        var random = new SplittableRandom(length);
        var text = new StringBuilder();
        String[] characters = {"a", "\n", "é", "ſ", "中", "\uFEFF", "😀", " "};
        for (int i = 0; i < length; i++) {
            text.append(characters[random.nextInt(characters.length)]);
        }
        return "x" + text;
    }

    @ParameterizedTest
    @CsvSource({
        "UTF-8,    ''",
        "UTF-8,    EFBBBF",
        "UTF-16LE, FFFE",
        "UTF-16BE, FEFF",
        "UTF-32LE, FFFE0000",
        "UTF-32BE, 0000FEFF"
    })
    void a_mark_says_the_encoding_in_files_gzips_streams_and_folders(String name, String mark) throws IOException {
        for (int length : new int[] {0, 1, 2, 700, 150_000}) {
            String text = mixed(length);
            byte[] bytes = joined(java.util.HexFormat.of().parseHex(mark), text.getBytes(Charset.forName(name)));
            assertThat(TextSource.of("stream", new ByteArrayInputStream(bytes)).readAll())
                    .isEqualTo(text);
            assertThat(TextSource.of(file("a.txt", bytes)).readAll()).isEqualTo(text);
            assertThat(TextSource.of(file("b.gz", gzip(bytes))).readAll()).isEqualTo(text);
            assertThat(TextSource.of(file("c", gzip(bytes))).readAll()).isEqualTo(text);
            assertThat(TextSource.of(folder).readAll()).isEqualTo(text.repeat(3));
        }
    }

    @Test
    void parts_that_are_broken_are_counted_in_every_encoding() throws IOException {
        byte[] lone = {(byte) 0xFF, (byte) 0xFE, 'a', 0, 0, (byte) 0xD8, 'b', 0, 'c'};
        Path file = file("lone.txt", lone);
        Path tokens = folder.resolve("lone.tokens");
        EncodeOptions options = EncodeOptions.standard().withThreads(1).withEndOfText(false);
        try (TokenFile encoded =
                TextEncoder.encode(TextSource.of(file), new ByteTokenizer(), tokens, options, Progress.NONE)) {
            assertThat(encoded.replaced()).isEqualTo(2);
            assertThat(encoded.textBytes()).isEqualTo("a\uFFFDb\uFFFD".getBytes(StandardCharsets.UTF_8).length);
        }
        assertThat(TextSource.of(file).readAll()).isEqualTo("a\uFFFDb\uFFFD");
        assertThatThrownBy(() -> TextEncoder.encode(
                        TextSource.of(file), new ByteTokenizer(), tokens, options.withStrict(true), Progress.NONE))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("lone.txt", "byte 1");
    }

    private static List<byte[]> noTexts() {
        var random = new SplittableRandom(4);
        byte[] noise = new byte[3000];
        random.nextBytes(noise);
        byte[] cyrillic = "Мело, мело по всей земле во все пределы. ".repeat(5).getBytes(Charset.forName("KOI8-R"));
        return List.of(
                new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'},
                new byte[] {(byte) 0xFF, (byte) 0xD8, (byte) 0xFF, (byte) 0xE0},
                "PK\u0003\u0004 and so on".getBytes(StandardCharsets.ISO_8859_1),
                "version https://git-lfs.github.com/spec/v1\noid sha256:0".getBytes(StandardCharsets.UTF_8),
                "without a mark".getBytes(StandardCharsets.UTF_16LE),
                noise,
                cyrillic);
    }

    @Test
    void what_is_no_text_is_refused_by_name_and_left_out_of_folders() throws IOException {
        file("text.txt", "text".getBytes(StandardCharsets.UTF_8));
        List<byte[]> others = noTexts();
        for (int i = 0; i < others.size(); i++) {
            Path file = file("other" + i, others.get(i));
            assertThatThrownBy(() -> TextSource.of(file).readAll())
                    .isInstanceOf(DataException.class)
                    .hasMessageContainingAll(file + ": expected text, found ");
        }
        assertThat(TextSource.of(folder).readAll()).isEqualTo("text");
        assertThat(TextSource.of(folder).files()).isEqualTo(1);
        Files.delete(folder.resolve("text.txt"));
        assertThatThrownBy(() -> TextSource.of(folder))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll(folder.toString(), "files of text", "other0 (a PNG picture)");
    }

    @Test
    void a_gzip_that_grows_without_bound_is_refused() throws IOException {
        byte[] packed = gzip("a".repeat(40 << 20).getBytes(StandardCharsets.UTF_8));
        assertThat(packed.length).isLessThan(1 << 16);
        Path bomb = file("bomb.gz", packed);
        assertThatThrownBy(() -> TextSource.of(bomb).readAll())
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("bomb.gz", "at most 200 times");
        String text = EmbeddedText.mobyDick().repeat(14); // beyond the free part
        assertThat(TextSource.of(file("book.gz", gzip(text.getBytes(StandardCharsets.UTF_8))))
                        .readAll())
                .hasSameSizeAs(text);
    }

    @Test
    void tokenizers_learnt_from_a_stream_of_pieces_are_those_of_the_whole() throws IOException {
        String text = EmbeddedText.mobyDick() + mixed(1000);
        Path file = file("text.txt", text.getBytes(StandardCharsets.UTF_8));
        assertThat(TokenizerTraining.characters(List.of(TextSource.of(file))).json())
                .isEqualTo(CharTokenizer.of(text).json());
        var whole = new BpeTrainer(BpeTrainer.Config.gpt2(400));
        whole.add(text);
        assertThat(TokenizerTraining.merges(400, List.of(TextSource.of(file)), Long.MAX_VALUE)
                        .json())
                .isEqualTo(whole.train(Progress.NONE).json());
        byte[] broken = {'a', (byte) 0xFF, 'b'};
        assertThat(TokenizerTraining.characters(List.of(TextSource.of(file("broken", broken))))
                        .json())
                .isEqualTo(CharTokenizer.of("ab\uFFFD").json());
    }

    private TextData prepared(String data, String tokenizer, double share) throws IOException {
        TextSettings settings =
                TextSettings.DEFAULT.withData(data).withTokenizer(tokenizer).withHeldOut(share);
        return TextData.prepare(settings, folder.resolve("cache"), Progress.NONE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"char", "byte", "bpe:300"})
    void nothing_is_no_text(String tokenizer) throws IOException {
        Path empty = file("empty.txt", new byte[0]);
        Path mark = file("mark.txt", new byte[] {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF});
        for (Path path : List.of(empty, mark)) {
            assertThatThrownBy(() -> prepared(path.toString(), tokenizer, 0.1))
                    .isInstanceOf(DataException.class)
                    .hasMessage(path + ": expected text, found none");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"char", "byte", "bpe:300"})
    void standard_input_is_read_for_the_tokenizer_and_for_the_tokens(String tokenizer) throws IOException {
        String text = "one line\n".repeat(200);
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
        try {
            TextData data = prepared("-", tokenizer, 0.1);
            assertThat(decoded(data)).isEqualTo(text);
        } finally {
            System.setIn(before);
        }
        try (var left = Files.list(folder.resolve("cache"))) {
            assertThat(left.map(path -> path.getFileName().toString())).containsExactly("tokens");
        }
    }

    private static String decoded(TextData data) {
        var ids = new java.util.ArrayList<Integer>();
        for (Tokens part : List.of(data.train(), data.heldOut())) {
            for (long i = 0; i < part.count(); i++) {
                ids.add(part.at(i));
            }
        }
        return data.tokenizer()
                .decode(ids.stream().mapToInt(Integer::intValue).toArray())
                .replace(Tokenizer.END_OF_TEXT, "");
    }

    /** Lines of all lengths: short ones move the cut a little, long ones not at all. */
    @Test
    void the_part_that_is_held_out_keeps_its_share() throws IOException {
        var random = new SplittableRandom(9);
        for (int round = 0; round < 60; round++) {
            var text = new StringBuilder();
            int length = random.nextInt(400, 4000);
            int longest = 1 << random.nextInt(1, 13);
            while (text.length() < length) {
                text.append("words ".repeat(1 + random.nextInt(longest) / 6))
                        .append(random.nextInt(5) == 0 ? "" : "\n");
            }
            double share = random.nextDouble(0.05, 0.6);
            TextData data =
                    prepared(file("t" + round, Utf8.bytes(text.toString())).toString(), "byte", share);
            double all = data.train().count() + data.heldOut().count();
            double smaller = Math.min(share, 1 - share);
            assertThat(data.heldOut().count() / all).isBetween(share - smaller / 3.9, share + smaller / 3.9);
            TextSplit split = TextSplit.of(text.toString(), share);
            assertThat((double) split.validation().length() / text.length())
                    .isBetween(share - smaller / 3.9, share + smaller / 3.9);
            assertThat(split.train() + split.validation()).isEqualTo(text.toString());
        }
    }
}
