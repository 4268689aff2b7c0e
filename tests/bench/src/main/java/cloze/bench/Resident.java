package cloze.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Resident memory of a process, in KiB.
 *
 * @param before what it was before there was a model
 * @param most that it ever was
 */
record Resident(long before, long most) {
    long ofModel() {
        return most - before;
    }

    /** From {@link #toString}, which is the last line. */
    static Resident parse(String output) {
        String[] words = output.strip().lines().toList().getLast().split(" ", -1);
        return new Resident(Long.parseLong(words[0]), Long.parseLong(words[1]));
    }

    /** {@code VmRSS} or {@code VmHWM} of this process. */
    static long now(String field) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith(field + ":")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new IOException("/proc/self/status has no " + field);
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%d %d", before, most);
    }
}
