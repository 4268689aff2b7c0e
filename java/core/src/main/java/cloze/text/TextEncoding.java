package cloze.text;

import cloze.text.token.Utf8;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the first bytes of a file say of its text: the encoding by its byte-order mark, or why it holds no text. */
final class TextEncoding {
    /** Bytes that are looked at. */
    static final int HEAD = 1 << 16;

    private static final int FEW = 32; // broken parts of UTF-8 that are no sign of another encoding
    private static final double MOST = 0.3; // share of broken parts

    /** @param bytes as the characters U+0000 to U+00FF */
    private record Mark(Charset charset, String bytes) {}

    /** Longer marks first: UTF-32's begins with that of UTF-16. */
    private static final List<Mark> MARKS = List.of(
            new Mark(StandardCharsets.UTF_32LE, "\u00FF\u00FE\0\0"),
            new Mark(StandardCharsets.UTF_32BE, "\0\0\u00FE\u00FF"),
            new Mark(StandardCharsets.UTF_8, "\u00EF\u00BB\u00BF"),
            new Mark(StandardCharsets.UTF_16LE, "\u00FF\u00FE"),
            new Mark(StandardCharsets.UTF_16BE, "\u00FE\u00FF"));

    private static final Map<String, String> SIGNATURES = Map.ofEntries(
            Map.entry("\u0089PNG\r\n", "a PNG picture"),
            Map.entry("\u00FF\u00D8\u00FF", "a JPEG picture"),
            Map.entry("GIF87a", "a GIF picture"),
            Map.entry("GIF89a", "a GIF picture"),
            Map.entry("%PDF-", "a PDF document"),
            Map.entry("PK\u0003\u0004", "a zip archive or an office document"),
            Map.entry("\u007FELF", "a program"),
            Map.entry("\u001F\u008B", "a gzip inside a gzip"),
            Map.entry("BZh91AY&SY", "a bzip2 archive"),
            Map.entry("\u00FD7zXZ", "an xz archive"),
            Map.entry("(\u00B5/\u00FD", "a zstd archive"),
            Map.entry("7z\u00BC\u00AF", "a 7z archive"),
            Map.entry("PAR1", "a Parquet table whose name does not end in .parquet"),
            Map.entry("SQLite format 3", "a database"),
            Map.entry("CLOZETOK", "a file of tokens"),
            Map.entry("version https://git-lfs.github.com/spec/", "a Git LFS pointer in place of the file"));

    /** The encoding, and the length of its mark. */
    final Charset charset;

    final int mark;

    /** Why this is no text; null if it is. */
    final @Nullable String refusal;

    private TextEncoding(Charset charset, int mark, @Nullable String refusal) {
        this.charset = charset;
        this.mark = mark;
        this.refusal = refusal;
    }

    static boolean isGzip(byte[] head) {
        return head.length >= 2 && (head[0] & 0xFF) == 0x1F && (head[1] & 0xFF) == 0x8B;
    }

    /** @param head the first {@link #HEAD} bytes of a text, or all of a shorter one */
    static TextEncoding of(byte[] head) {
        for (Mark mark : MARKS) {
            if (starts(head, mark.bytes)) {
                return new TextEncoding(mark.charset, mark.bytes.length(), null);
            }
        }
        return new TextEncoding(StandardCharsets.UTF_8, 0, refusal(head));
    }

    private static boolean starts(byte[] head, String with) {
        boolean same = head.length >= with.length();
        for (int i = 0; same && i < with.length(); i++) {
            same = (head[i] & 0xFF) == with.charAt(i);
        }
        return same;
    }

    private static @Nullable String refusal(byte[] head) {
        for (Map.Entry<String, String> signature : SIGNATURES.entrySet()) {
            if (starts(head, signature.getKey())) {
                return signature.getValue();
            }
        }
        for (int i = 0; i < head.length; i++) {
            if (head[i] == 0) {
                return String.format(Locale.ROOT, "a NUL at byte %d: UTF-16 without a byte-order mark, or no text", i);
            }
        }
        int parts = 0;
        int broken = 0;
        for (int i = 0; i < head.length - 3; parts++) { // the last sequence may be cut
            int length = Utf8.sequence(head, i, head.length);
            broken += length < 0 ? 1 : 0;
            i += Math.abs(length);
        }
        return broken >= FEW && broken > MOST * parts
                ? String.format(
                        Locale.ROOT,
                        "%,d broken parts in the first %,d characters: another encoding, or no text",
                        broken,
                        parts)
                : null;
    }
}
