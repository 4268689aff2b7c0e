package cloze.cli.text;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.cli.CommandLines;
import cloze.cli.CommandLines.Ran;
import cloze.text.token.ByteTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextCommandsTest {
    @TempDir
    Path folder;

    private Path bytes() throws IOException {
        Path file = folder.resolve("bytes.json");
        new ByteTokenizer().save(file);
        return file;
    }

    private static Ran encode(Path tokenizer, String... more) {
        String[] args = new String[more.length + 4];
        System.arraycopy(new String[] {"tokenize", "encode", "--tokenizer", tokenizer.toString()}, 0, args, 0, 4);
        System.arraycopy(more, 0, args, 4, more.length);
        return CommandLines.run(args);
    }

    @Test
    void special_tokens_in_a_text_can_be_meant_literally() throws IOException {
        assertThat(encode(bytes(), "a<|endoftext|>").out().strip()).isEqualTo("97 256");
        assertThat(encode(bytes(), "--literal", "a<|endoftext|>").out().strip())
                .isEqualTo("97 60 124 101 110 100 111 102 116 101 120 116 124 62");
    }

    private static Ran withInput(byte[] input, Path tokenizer) {
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(input));
        try {
            return encode(tokenizer);
        } finally {
            System.setIn(before);
        }
    }

    @Test
    void standard_input_is_decoded_by_its_mark_and_refused_if_it_is_no_text() throws IOException {
        byte[] marked = "\uFEFFaé".getBytes(StandardCharsets.UTF_16LE);
        assertThat(withInput(marked, bytes()).out().strip()).isEqualTo("97 195 169");
        Ran ran = withInput("ab".getBytes(StandardCharsets.UTF_16LE), bytes());
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).startsWith("cloze: standard input: expected text, found a NUL at byte 1");
    }

    @Test
    void tokenizers_are_learnt_from_files_and_folders() throws IOException {
        Path texts = Files.createDirectories(folder.resolve("texts/more"));
        Files.writeString(texts.resolve("a.txt"), "abc");
        Files.write(texts.resolve("b.txt"), "\uFEFFdé".getBytes(StandardCharsets.UTF_16BE));
        Files.write(texts.resolve("c.png"), new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'});
        Path other = Files.writeString(folder.resolve("other.txt"), "xyz");
        Path out = folder.resolve("chars.json");
        Ran ran = CommandLines.run(
                "tokenize",
                "train",
                "--kind",
                "char",
                "--data",
                folder.resolve("texts").toString(),
                other.toString(),
                "--out",
                out.toString());
        assertThat(ran.err()).isEmpty();
        assertThat(ran.out()).isEqualTo(out + ": 8 tokens\n");
        assertThat(encode(out, "abcdéxyz").exitCode()).isZero();
    }
}
