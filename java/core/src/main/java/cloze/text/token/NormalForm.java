package cloze.text.token;

import java.text.Normalizer;
import java.util.BitSet;

/**
 * Unicode normal forms as in the Hugging Face library. Its tables are those of Unicode 9, so later marks and
 * compatibility characters stay unchanged, and nothing combines across them. The ranges were found by comparing both
 * libraries over all code points.
 */
public record NormalForm(Normalizer.Form form) {
    private static final String LATER_RANGES = """
            7fd-7fd 897-89f 8ca-8d3 9fe-9fe c3c-c3c d3b-d3c eba-eba 1715-1715 1abf-1ace 1df6-1dfa 32ff-32ff a7f2-a7f4
            a82c-a82c ab69-ab69 10781-10785 10787-107b0 107b2-107ba 10d24-10d27 10d69-10d6d 10eab-10eac 10efd-10eff
            10f46-10f50 10f82-10f85 11070-11070 1133b-1133b 113ce-113d0 1145e-1145e 11839-1183a 1193d-1193e
            11943-11943 119e0-119e0 11a34-11a34 11a47-11a47 11a99-11a99 11d42-11d42 11d44-11d45 11d97-11d97
            11f41-11f42 1612f-1612f 16ff0-16ff1 1ccd6-1ccf9 1e030-1e06d 1e08f-1e08f 1e130-1e136 1e2ae-1e2ae
            1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef 1f16c-1f16c 1fbf0-1fbf9
            """;
    private static final BitSet LATER = new BitSet();

    static {
        for (String range : LATER_RANGES.split("\\s+", 0)) {
            int dash = range.indexOf('-');
            LATER.set(Integer.parseInt(range, 0, dash, 16), Integer.parseInt(range, dash + 1, range.length(), 16) + 1);
        }
    }

    public String of(String text) {
        if (Normalizer.isNormalized(text, form)) {
            return text;
        }
        StringBuilder normal = new StringBuilder(text.length());
        int done = 0;
        int i = 0;
        while (i < text.length()) {
            int c = text.codePointAt(i);
            int next = i + Character.charCount(c);
            if (LATER.get(c)) {
                normal.append(Normalizer.normalize(text.substring(done, i), form))
                        .appendCodePoint(c);
                done = next;
            }
            i = next;
        }
        return normal.append(Normalizer.normalize(text.substring(done), form)).toString();
    }
}
