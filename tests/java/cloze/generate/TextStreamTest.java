package cloze.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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

    /** Strings over two letters, so that stop strings overlap each other, the ends of tokens and each other's parts. */
    @Test
    void ends_before_the_stop_string_that_begins_first_however_tokens_divide_the_text() {
        var random = new SplittableRandom(5);
        for (int round = 0; round < 3000; round++) {
            String text = letters(random, 12);
            List<String> stop = Stream.generate(() -> letters(random, 4))
                    .limit(random.nextInt(4))
                    .filter(s -> !s.isEmpty())
                    .toList();
            int end = stop.stream()
                    .mapToInt(text::indexOf)
                    .filter(at -> at >= 0)
                    .min()
                    .orElse(text.length());
            parts.clear();
            var stream = new TextStream(stop, parts::add);
            int from = 0;
            boolean stopped = false;
            while (from < text.length() && !stopped) {
                int to = random.nextInt(from, text.length()) + 1;
                stopped = add(stream, text.substring(from, to));
                from = to;
            }
            stream.end();
            assertThat(String.join("", parts)).as("%s without %s", text, stop).isEqualTo(text.substring(0, end));
        }
    }

    private static String letters(SplittableRandom random, int most) {
        return random.ints(random.nextInt(most + 1), 'a', 'c')
                .mapToObj(Character::toString)
                .collect(Collectors.joining());
    }
}
