package cloze.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TextStreamTest {
    private final List<String> parts = new ArrayList<>();

    private boolean add(TextStream stream, String text) {
        return stream.add(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void gives_out_whole_characters() {
        var stream = new TextStream(List.of(), parts::add);
        byte[] euro = "€".getBytes(StandardCharsets.UTF_8);
        for (byte b : euro) {
            stream.add(new byte[] {b});
        }
        stream.end();
        assertThat(parts).containsExactly("€");
    }

    @Test
    void replaces_what_is_no_utf8() {
        var stream = new TextStream(List.of(), parts::add);
        stream.add(new byte[] {(byte) 0xE2, (byte) 0x82});
        stream.add(new byte[] {'a'});
        stream.end();
        assertThat(String.join("", parts)).isEqualTo("\uFFFDa");
    }

    @Test
    void ends_before_a_stop_string_that_spans_tokens() {
        var stream = new TextStream(List.of("\n\n", "END"), parts::add);
        assertThat(add(stream, "one E")).isFalse();
        assertThat(add(stream, "N")).isFalse();
        assertThat(add(stream, "D two")).isTrue();
        stream.end();
        assertThat(String.join("", parts)).isEqualTo("one ");
    }

    @Test
    void gives_out_at_the_end_what_looked_like_a_stop_string() {
        var stream = new TextStream(List.of("END"), parts::add);
        add(stream, "the EN");
        stream.end();
        assertThat(String.join("", parts)).isEqualTo("the EN");
    }
}
