package cloze.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Markdown that is printed as it grows. */
public final class Report {
    private final StringBuilder text = new StringBuilder();

    public void line(String line) {
        text.append(line).append('\n');
        System.out.println(line);
    }

    public void heading(String title) {
        line("");
        line("## " + title);
        line("");
    }

    /** The first row of a table: a first column of words, then numbers. */
    public void columns(String... names) {
        line("| " + String.join(" | ", names) + " |");
        line("|---|" + "---:|".repeat(names.length - 1));
    }

    public void row(String... cells) {
        line("| " + String.join(" | ", cells) + " |");
    }

    public static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }

    /** "1.31 (goal 1.4)", with a tick where it is reached. */
    public static String ratio(double ratio, double goal) {
        if (goal == 0) {
            return number("%.2f", ratio);
        }
        return String.format(Locale.ROOT, "%.2f (goal %.1f%s)", ratio, goal, ratio >= goal ? ", met" : "");
    }

    void write(Path file) throws IOException {
        Files.writeString(file, text.toString(), StandardCharsets.UTF_8);
    }
}
