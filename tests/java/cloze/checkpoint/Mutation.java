package cloze.checkpoint;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** A safetensors file with something wrong, often in a way that only the last of the checks can see. */
final class Mutation {
    private static final String[] NUMBERS = {
        "0",
        "1",
        "-1",
        "2",
        "3",
        "4",
        "7",
        "8",
        "2147483647",
        "2147483648",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "-9223372036854775808",
        "99999999999999999999999",
        "1e9",
        "0.5",
        "1e400",
        "-0",
        "00",
        "NaN",
        "null",
        "true",
        "\"4\"",
        "[]",
        "{}",
        "1".repeat(5000)
    };
    private static final String[] WORDS = {
        "\"F32\"",
        "\"BF16\"",
        "\"F64\"",
        "\"I8\"",
        "\"BOOL\"",
        "\"F128\"",
        "\"\"",
        "\"dtype\"",
        "\"shape\"",
        "\"data_offsets\"",
        "\"__metadata__\"",
        "\"h.0.weight\"",
        "null",
        "7",
        "\"\\ud800\"",
        "\"\\u0000\""
    };
    private static final Pattern NUMBER = Pattern.compile("(?<=[\\[,])\\d+(?=[,\\]])");
    private static final Pattern WORD = Pattern.compile("\"[^\"]*\"");
    private static final Pattern ENTRY = Pattern.compile("\"[^\"]*\":\\{[^}]*\\}");

    private Mutation() {}

    static byte[] of(byte[] seed, SplittableRandom random) {
        byte[] bytes = seed.clone();
        int headerEnd = 8 + (int) length(seed);
        return switch (random.nextInt(12)) {
            case 0 -> flip(bytes, 0, bytes.length, 1 + random.nextInt(8), random);
            case 1 -> flip(bytes, 8, headerEnd, 1 + random.nextInt(4), random);
            case 2 -> flip(bytes, headerEnd, bytes.length, 1 + random.nextInt(64), random);
            case 3 -> Arrays.copyOf(bytes, random.nextInt(bytes.length + 200));
            case 4 -> length(bytes, random);
            case 5 -> header(bytes, garbage(header(bytes), random));
            case 6, 7 ->
                header(bytes, replaced(header(bytes), NUMBER, NUMBERS[random.nextInt(NUMBERS.length)], random));
            case 8 -> header(bytes, replaced(header(bytes), WORD, WORDS[random.nextInt(WORDS.length)], random));
            case 9 -> header(bytes, entries(header(bytes), random));
            case 10 -> header(bytes, nudged(header(bytes), random));
            default -> header(bytes, splice(header(bytes), random));
        };
    }

    /** A copy with one to four bits flipped. */
    static byte[] flipped(byte[] seed, SplittableRandom random) {
        return flip(seed.clone(), 0, seed.length, 1 + random.nextInt(4), random);
    }

    private static long length(byte[] file) {
        return ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    }

    private static byte[] flip(byte[] bytes, int from, int to, int times, SplittableRandom random) {
        for (int i = 0; i < times; i++) {
            bytes[random.nextInt(from, to)] ^= (byte) (1 << random.nextInt(8));
        }
        return bytes;
    }

    private static byte[] length(byte[] bytes, SplittableRandom random) {
        long length = length(bytes);
        long[] lengths = {
            0,
            1,
            2,
            length - 1,
            length + 1,
            length - 8,
            length + 8,
            bytes.length - 8,
            bytes.length - 7,
            bytes.length,
            Integer.MAX_VALUE,
            1L << 31,
            1L << 32,
            99_999_999,
            100_000_001,
            Long.MAX_VALUE,
            Long.MIN_VALUE,
            -1,
            random.nextLong(),
            random.nextInt(bytes.length)
        };
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, lengths[random.nextInt(lengths.length)]);
        return bytes;
    }

    private static byte[] header(byte[] file) {
        return Arrays.copyOfRange(file, 8, 8 + (int) length(file));
    }

    /** The file with another header, its length made right. */
    private static byte[] header(byte[] file, byte[] header) {
        int dataStart = 8 + (int) length(file);
        ByteBuffer changed = ByteBuffer.allocate(8 + header.length + file.length - dataStart);
        changed.order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header);
        return changed.put(file, dataStart, file.length - dataStart).array();
    }

    /** Deep nesting, long names, bytes that are no UTF-8. */
    private static byte[] garbage(byte[] header, SplittableRandom random) {
        byte[][] all = {
            "[".repeat(1 + random.nextInt(20_000)).getBytes(StandardCharsets.UTF_8),
            "{\"a\":".repeat(1 + random.nextInt(5_000)).getBytes(StandardCharsets.UTF_8),
            ("\"" + "n".repeat(random.nextInt(10_000)) + "\":").getBytes(StandardCharsets.UTF_8),
            {(byte) 0xc0, (byte) 0x80},
            {(byte) 0xed, (byte) 0xa0, (byte) 0x80},
            {(byte) 0xff, (byte) 0xfe},
            {(byte) 0xf4, (byte) 0x90, (byte) 0x80, (byte) 0x80},
            {(byte) 0xe2, (byte) 0x82},
            {0},
            {(byte) 0xef, (byte) 0xbb, (byte) 0xbf},
        };
        int at = random.nextInt(header.length);
        return joined(Arrays.copyOf(header, at), all[random.nextInt(all.length)], tail(header, at));
    }

    private static byte[] replaced(byte[] header, Pattern what, String by, SplittableRandom random) {
        String text = new String(header, StandardCharsets.UTF_8);
        var all = what.matcher(text).results().toList();
        MatchResult one = all.get(random.nextInt(all.size()));
        return (text.substring(0, one.start()) + by + text.substring(one.end())).getBytes(StandardCharsets.UTF_8);
    }

    /** An offset or extent that is off by a little: still a number, maybe still a file. */
    private static byte[] nudged(byte[] header, SplittableRandom random) {
        String text = new String(header, StandardCharsets.UTF_8);
        var all = NUMBER.matcher(text).results().toList();
        MatchResult one = all.get(random.nextInt(all.size()));
        long number = Math.max(0, Long.parseLong(one.group()) + random.nextInt(-8, 9));
        return (text.substring(0, one.start()) + number + text.substring(one.end())).getBytes(StandardCharsets.UTF_8);
    }

    /** An entry twice, gone, or in the place of another. */
    private static byte[] entries(byte[] header, SplittableRandom random) {
        String text = new String(header, StandardCharsets.UTF_8);
        var all = ENTRY.matcher(text).results().toList();
        MatchResult one = all.get(random.nextInt(all.size()));
        String other = all.get(random.nextInt(all.size())).group();
        String by = switch (random.nextInt(3)) {
            case 0 -> one.group() + "," + other;
            case 1 -> other;
            default -> "\"__metadata__\":{}";
        };
        return (text.substring(0, one.start()) + by + text.substring(one.end())).getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] splice(byte[] header, SplittableRandom random) {
        int from = random.nextInt(header.length);
        int to = Math.min(header.length, from + random.nextInt(60));
        int at = random.nextInt(header.length);
        byte[] piece = random.nextBoolean() ? Arrays.copyOfRange(header, from, to) : new byte[0];
        return joined(Arrays.copyOf(header, at), piece, tail(header, Math.min(header.length, at + random.nextInt(20))));
    }

    private static byte[] tail(byte[] bytes, int from) {
        return Arrays.copyOfRange(bytes, from, bytes.length);
    }

    private static byte[] joined(byte[]... parts) {
        var all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }
}
