package cloze.text;

import cloze.text.token.Utf8;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Lines that tokenizers stumble over: scripts, emoji, controls, spaces, contractions, digits, broken UTF-8. */
public final class MixedLines {
    private static final String[] PARTS = {
        "the",
        "The",
        " whale",
        "don't",
        "DON'T",
        "it's",
        "we'll",
        "WE'LL",
        "they've",
        "I'm",
        "'s",
        "''s",
        "'\u017f",
        "'re",
        "'",
        "''",
        " '",
        "123",
        "1",
        "12345678",
        "٣٤",
        "Ⅷ",
        "½",
        "x²",
        " 42",
        "3.14",
        "...",
        "!?",
        "--",
        "—",
        " -",
        "<",
        "<|",
        "<|endoftext|>",
        "<|endoftext",
        "<|endoftext|><|endoftext|>",
        " <|endoftext|> ",
        " ",
        "  ",
        "   ",
        "\t",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        " \n",
        "\n ",
        "\u00a0",
        "\u3000",
        "\u2003\u2003",
        "\u0085",
        "\u2028",
        "\u000b",
        "\u001c",
        "\u0000",
        "\u0001",
        "\u007f",
        "\u0080",
        "\u200b",
        "\ufeff",
        "\ufffd",
        "\u00ad",
        "\u180e",
        "é",
        "e\u0301",
        "ß",
        "ﬁ",
        "Å",
        "ångström",
        "naïve",
        "Ελληνικά",
        "Привет",
        "мир",
        "שלום",
        "مرحبا",
        "नमस्ते",
        "ไทย",
        "中文",
        "漢字かな交じり",
        "カタカナ",
        "한국어",
        "안녕",
        "𠀀",
        "𝒳",
        "𝟘",
        "😀",
        "👩‍👩‍👧‍👦",
        "🇩🇪",
        "👍🏽",
        "❤️",
        "☃",
        "©",
        "→",
        "∑",
        "{",
        "}",
        "(",
        ")",
        "[]",
        "//",
        "\\",
        "#",
        "_",
        "a_b",
        "camelCase",
        "https://example.org/?q=1&r=2",
        "user@example.org",
        "\u0301",
        "\u200d",
        "\ue000",
        "\u0378",
        "\uDBFF\uDFFD",
        "antidisestablishmentarianism",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "=================================================================",
        "of the",
        "Call me Ishmael."
    };

    private MixedLines() {}

    public static List<String> make(int count, long seed) {
        Random random = new Random(seed);
        List<String> lines = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            lines.add(
                    switch (i % 4) {
                        case 0, 1 -> parts(random, 1 + random.nextInt(12));
                        case 2 -> codePoints(random, 1 + random.nextInt(24));
                        default -> broken(random);
                    });
        }
        return lines;
    }

    private static String parts(Random random, int count) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < count; i++) {
            line.append(random.nextInt(3) == 0 ? " " : "").append(PARTS[random.nextInt(PARTS.length)]);
        }
        return line.toString();
    }

    private static String codePoints(Random random, int count) {
        int[] ends = {0x80, 0x100, 0x400, 0x3000, 0x10000, 0x20000, 0x110000};
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < count; i++) {
            int c = random.nextInt(ends[random.nextInt(ends.length)]);
            line.appendCodePoint(c >= 0xD800 && c < 0xE000 ? ' ' : c);
        }
        return line.toString();
    }

    /** Bytes cut out of good text and shot with bad ones, as the text that they decode to. */
    private static String broken(Random random) {
        byte[] bytes = brokenBytes(random);
        return Utf8.string(bytes, 0, bytes.length);
    }

    public static byte[] brokenBytes(Random random) {
        byte[] bytes = parts(random, 6).getBytes(StandardCharsets.UTF_8);
        int from = random.nextInt(Math.max(1, bytes.length / 3));
        byte[] some = java.util.Arrays.copyOfRange(bytes, from, bytes.length - random.nextInt(bytes.length - from));
        for (int i = 0; i < 3; i++) {
            some[random.nextInt(some.length)] = (byte) random.nextInt(256);
        }
        return some;
    }
}
