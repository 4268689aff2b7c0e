package cloze.cli;

import cloze.text.TextSource;
import java.io.IOException;
import java.util.Locale;

/** Text for a terminal, and from one. */
public final class Texts {
    private Texts() {}

    /** The whole standard input, decoded by its byte-order mark or else as UTF-8. */
    public static String standardInput() throws IOException {
        return TextSource.of("standard input", System.in).readAll();
    }

    /** Writes a text on one line, with invisible characters escaped. */
    public static String visible(String text) {
        var out = new StringBuilder();
        text.codePoints().forEach(c -> {
            switch (c) {
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\\' -> out.append("\\\\");
                default -> {
                    if (Character.isISOControl(c)) {
                        out.append(String.format(Locale.ROOT, "\\x%02x", c));
                    } else {
                        out.appendCodePoint(c);
                    }
                }
            }
        });
        return out.toString();
    }
}
