package cloze.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Memory of the machine as Linux reports it; empty on other systems. */
final class Machine {
    private static final Path MEMORY = Path.of("/proc/meminfo");
    private static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
    private static final Pattern KIBIBYTES = Pattern.compile("(?m)^(\\w+):\\s+(\\d+) kB$");

    private Machine() {}

    /** Bytes by name, total and free; empty if unknown. */
    static Map<String, Long> memory() {
        var bytes = new LinkedHashMap<String, Long>();
        Matcher line = KIBIBYTES.matcher(read(MEMORY));
        while (line.find()) {
            switch (line.group(1)) {
                case "MemTotal" -> bytes.put("total", Long.parseLong(line.group(2)) << 10);
                case "MemAvailable" -> bytes.put("free", Long.parseLong(line.group(2)) << 10);
                default -> {}
            }
        }
        return bytes;
    }

    /** {@code always}, {@code madvise}, {@code never} or {@code unknown}. */
    static String hugePages() {
        Matcher chosen = Pattern.compile("\\[(\\w+)]").matcher(read(HUGE_PAGES));
        return chosen.find() ? chosen.group(1) : "unknown";
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return ""; // another system
        }
    }
}
