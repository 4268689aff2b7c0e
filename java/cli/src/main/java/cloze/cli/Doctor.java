package cloze.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code cloze doctor}. */
@Command(
        name = "doctor",
        description = "Shows the devices and libraries of this machine, and how to install missing ones.",
        footerHeading = "%nExamples:%n",
        footer = {"  cloze doctor", "  cloze doctor --json"})
final class Doctor extends Subcommand {
    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Override
    public Integer call() {
        Diagnosis diagnosis = Diagnosis.make();
        PrintWriter out = out();
        if (json) {
            printJson(diagnosis.facts());
        } else {
            print(diagnosis.facts(), out);
        }
        out.flush();
        return diagnosis.healthy() ? 0 : 1;
    }

    private static void print(Map<String, Object> facts, PrintWriter out) {
        facts.forEach((name, value) -> {
            switch (value) {
                case Map<?, ?> map -> {
                    out.println(name);
                    map.forEach((key, inner) -> out.printf(Locale.ROOT, "  %-34s %s%n", label(key), text(key, inner)));
                }
                case List<?> list -> {
                    out.println(name);
                    list.forEach(line -> out.println("  " + line));
                }
                default -> out.printf(Locale.ROOT, "%-36s %s%n", name, value);
            }
        });
    }

    private static String label(Object key) {
        return key.toString().replace("_bytes", "").replace('_', ' ');
    }

    private static Object text(Object key, Object value) {
        boolean bytes = key.toString().endsWith("bytes");
        return bytes && value instanceof Long size ? Sizes.bytes(size) : value;
    }
}
