package cloze.bench;

import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What to measure.
 *
 * @param threads of both sides
 * @param seconds that each training step is measured for; an op takes a twentieth of it
 * @param only measures the steps, ops and kernels whose label contains this
 * @param profile whether to say which of our kernels a step spends its time in
 * @param device of the kernels, "cpu" or "cuda"; all else is measured on the CPU, as libtorch is
 * @param out file for the report, or null for none
 */
public record BenchOptions(
        Set<Part> parts,
        int threads,
        double seconds,
        String only,
        boolean profile,
        String device,
        @Nullable Path out) {
    /** A table of the report. */
    public enum Part {
        STEPS,
        OPS,
        LOADING,
        MEMORY,
        KERNELS
    }

    private static final double SECONDS = 18;

    public BenchOptions {
        if (threads < 1 || !(seconds > 0)) {
            throw new IllegalArgumentException("--threads and --seconds must be more than 0");
        }
    }

    /** @throws IllegalArgumentException that says what is wrong with them */
    public static BenchOptions parse(String... arguments) {
        Set<Part> parts = EnumSet.noneOf(Part.class);
        int threads = 1;
        double seconds = SECONDS;
        String only = "";
        boolean profile = false;
        String device = "cpu";
        Path out = null;
        for (int i = 0; i < arguments.length; i++) {
            switch (arguments[i]) {
                case "--threads" -> threads = Integer.parseInt(value(arguments, i++));
                case "--seconds" -> seconds = Double.parseDouble(value(arguments, i++));
                case "--only" -> only = value(arguments, i++);
                case "--out" -> out = Path.of(value(arguments, i++));
                case "--device" -> device = value(arguments, i++);
                case "--profile" -> profile = true;
                case "all" -> parts.addAll(EnumSet.allOf(Part.class));
                default -> parts.add(part(arguments[i]));
            }
        }
        return new BenchOptions(
                parts.isEmpty() ? EnumSet.allOf(Part.class) : parts, threads, seconds, only, profile, device, out);
    }

    private static String value(String[] arguments, int i) {
        if (i + 1 == arguments.length) {
            throw new IllegalArgumentException(arguments[i] + " needs a value");
        }
        return arguments[i + 1];
    }

    private static Part part(String name) {
        for (Part part : Part.values()) {
            if (part.name().toLowerCase(Locale.ROOT).equals(name)) {
                return part;
            }
        }
        throw new IllegalArgumentException(
                "usage: bench [steps|ops|loading|kernels|memory|all] [--threads N] [--seconds S] [--only LABEL]"
                        + " [--profile] [--device cpu|cuda] [--out FILE], but there is '" + name + "'");
    }
}
