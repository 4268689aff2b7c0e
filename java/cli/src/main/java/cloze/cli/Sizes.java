package cloze.cli;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Numbers with units, to and from text. */
public final class Sizes {
    private static final Pattern NUMBER =
            Pattern.compile("([0-9][0-9_]*(?:\\.[0-9]+)?(?:[eE][+]?[0-9]{1,2})?) ?([a-zA-Z]*)");
    private static final Map<String, Long> BYTES = Map.ofEntries(
            Map.entry("", 1L),
            Map.entry("b", 1L),
            Map.entry("kb", 1_000L),
            Map.entry("mb", 1_000_000L),
            Map.entry("gb", 1_000_000_000L),
            Map.entry("tb", 1_000_000_000_000L),
            Map.entry("kib", 1L << 10),
            Map.entry("mib", 1L << 20),
            Map.entry("gib", 1L << 30),
            Map.entry("tib", 1L << 40));
    private static final Map<String, Long> THOUSANDS =
            Map.of("", 1L, "k", 1_000L, "m", 1_000_000L, "b", 1_000_000_000L, "t", 1_000_000_000_000L);

    private Sizes() {}

    /** {@code 8GiB}, {@code 500MB}, {@code 1048576}. */
    static final class Bytes implements ITypeConverter<Long> {
        @Override
        public Long convert(String text) {
            return parse(text, BYTES, "a number of bytes such as 8GiB, 500MB or 1048576");
        }
    }

    /** {@code 300e9}, {@code 1.5M}, {@code 10k}, {@code 1_000}. */
    public static final class Count implements ITypeConverter<Long> {
        /** For picocli. */
        public Count() {}

        @Override
        public Long convert(String text) {
            return whole(text);
        }
    }

    /**
     * A whole number with a unit of thousands.
     *
     * @throws TypeConversionException with what it must be
     */
    public static long whole(String text) {
        return parse(text, THOUSANDS, "a whole number such as 1000, 10k, 1.5M or 300e9");
    }

    private static long parse(String text, Map<String, Long> units, String expected) {
        Matcher matcher = NUMBER.matcher(text.strip());
        Long unit = matcher.matches() ? units.get(matcher.group(2).toLowerCase(Locale.ROOT)) : null;
        if (unit == null) {
            throw wrong(text, expected);
        }
        var number = new BigDecimal(matcher.group(1).replace("_", ""));
        try {
            return number.multiply(BigDecimal.valueOf(unit)).longValueExact();
        } catch (ArithmeticException e) {
            throw wrong(text, expected);
        }
    }

    private static TypeConversionException wrong(String text, String expected) {
        return new TypeConversionException(String.format(Locale.ROOT, "it must be %s, but it is '%s'", expected, text));
    }

    /** {@code 1.50 GiB}. */
    public static String bytes(double bytes) {
        String[] units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
        int unit = 0;
        while (bytes >= 1024 && unit < units.length - 1) {
            bytes /= 1024;
            unit++;
        }
        return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
    }

    /** {@code 12.3k}, {@code 1.50M}: three digits. */
    public static String count(double n) {
        if (Double.isNaN(n) || n >= 1e15) {
            return String.format(Locale.ROOT, "%.3g", n);
        }
        String[] units = {"", "k", "M", "B", "T"};
        int unit = 0;
        while (n >= 999.5 && unit < units.length - 1) {
            n /= 1000;
            unit++;
        }
        if (unit == 0 && n == Math.rint(n)) {
            return String.valueOf((long) n);
        }
        int decimals = n >= 100 ? 0 : n >= 10 ? 1 : 2;
        return String.format(Locale.ROOT, "%." + decimals + "f%s", n, units[unit]);
    }

    /** {@code 1 h 02 min}, {@code 3 min 05 s}, {@code 4.2 s}. */
    public static String duration(double seconds) {
        if (!(seconds >= 0) || seconds > 1e9) {
            return "?";
        }
        long whole = Math.round(seconds);
        if (seconds < 60) {
            return String.format(Locale.ROOT, "%.1f s", seconds);
        }
        return whole < 3600
                ? String.format(Locale.ROOT, "%d min %02d s", whole / 60, whole % 60)
                : String.format(Locale.ROOT, "%d h %02d min", whole / 3600, whole % 3600 / 60);
    }
}
