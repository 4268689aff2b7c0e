package cloze.text.token;

import java.io.ByteArrayOutputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * UTF-8 with the error handling of the WHATWG and Rust: each maximal invalid part of a sequence becomes one U+FFFD. The
 * JDK's decoder differs for encoded surrogates.
 */
public final class Utf8 {
    static final int REPLACEMENT = 0xFFFD;

    private static final byte[] REPLACEMENT_BYTES = {(byte) 0xEF, (byte) 0xBF, (byte) 0xBD};
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long HIGH_BITS = 0x8080808080808080L;

    private Utf8() {}

    /** Encodes a text; a lone surrogate becomes U+FFFD. */
    public static byte[] bytes(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                return withoutLoneSurrogates(text).getBytes(StandardCharsets.UTF_8);
            }
        }
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String withoutLoneSurrogates(String text) {
        StringBuilder fixed = new StringBuilder(text.length());
        text.codePoints()
                .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? REPLACEMENT : c)
                .forEach(fixed::appendCodePoint);
        return fixed.toString();
    }

    public static String string(byte[] utf8, int from, int to) {
        if (firstBroken(utf8, from, to) < 0) {
            return new String(utf8, from, to - from, StandardCharsets.UTF_8);
        }
        return new String(repair(utf8, from, to).bytes, StandardCharsets.UTF_8);
    }

    /** Index of the first byte that does not start a valid sequence, or -1. */
    public static int firstBroken(byte[] utf8, int from, int to) {
        int i = from;
        while (i < to) {
            if (utf8[i] >= 0) {
                i = skipAscii(utf8, i, to);
                continue;
            }
            int length = sequence(utf8, i, to);
            if (length < 0) {
                return i;
            }
            i += length;
        }
        return -1;
    }

    private static int skipAscii(byte[] utf8, int from, int to) {
        int i = from;
        while (i + 8 <= to && ((long) LONG.get(utf8, i) & HIGH_BITS) == 0) {
            i += 8;
        }
        while (i < to && utf8[i] >= 0) {
            i++;
        }
        return i;
    }

    /** Repaired UTF-8 and the number of replaced parts. */
    public static final class Repaired {
        public final byte[] bytes;
        public final int replaced;

        private Repaired(byte[] bytes, int replaced) {
            this.bytes = bytes;
            this.replaced = replaced;
        }
    }

    public static Repaired repair(byte[] utf8, int from, int to) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(to - from + 16);
        int replaced = 0;
        int clean = from;
        int i = from;
        while (i < to) {
            int length = sequence(utf8, i, to);
            if (length < 0) {
                out.write(utf8, clean, i - clean);
                out.writeBytes(REPLACEMENT_BYTES);
                replaced++;
                clean = i - length;
            }
            i += Math.abs(length);
        }
        out.write(utf8, clean, to - clean);
        return new Repaired(out.toByteArray(), replaced);
    }

    /** Length of the valid sequence at i, or minus the length of the invalid part that becomes one U+FFFD. */
    public static int sequence(byte[] utf8, int i, int to) {
        int lead = utf8[i] & 0xFF;
        if (lead < 0x80) {
            return 1;
        }
        int length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
        if (length == 0) {
            return -1;
        }
        int low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        int high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        for (int k = 1; k < length; k++) {
            int next = i + k < to ? utf8[i + k] & 0xFF : 0;
            if (next < low || next > high) {
                return -k;
            }
            low = 0x80;
            high = 0xBF;
        }
        return length;
    }

    /** The code point at i of valid UTF-8. */
    static int codePoint(byte[] utf8, int i) {
        int b = utf8[i];
        if (b >= 0) {
            return b;
        }
        if (b < (byte) 0xE0) {
            return ((b & 0x1F) << 6) | (utf8[i + 1] & 0x3F);
        }
        if (b < (byte) 0xF0) {
            return ((b & 0x0F) << 12) | ((utf8[i + 1] & 0x3F) << 6) | (utf8[i + 2] & 0x3F);
        }
        int high = ((b & 0x07) << 18) | ((utf8[i + 1] & 0x3F) << 12);
        return high | ((utf8[i + 2] & 0x3F) << 6) | (utf8[i + 3] & 0x3F);
    }

    /** Passes on the code points of valid UTF-8. */
    public static void codePoints(byte[] utf8, int from, int to, IntConsumer out) {
        for (int i = from; i < to; i += length(utf8[i])) {
            out.accept(codePoint(utf8, i));
        }
    }

    /** Bytes of the code point whose first byte is b, in valid UTF-8. */
    static int length(byte b) {
        return b >= 0 ? 1 : b < (byte) 0xE0 ? 2 : b < (byte) 0xF0 ? 3 : 4;
    }

    /** Start of the code point before i. */
    public static int before(byte[] utf8, int i, int from) {
        int start = i - 1;
        while (start > from && (utf8[start] & 0xC0) == 0x80) {
            start--;
        }
        return start;
    }

    /** The largest end in [from, to] that does not split a sequence; each invalid byte counts as a sequence. */
    static int wholeSequences(byte[] utf8, int from, int to) {
        for (int start = to - 1; start >= Math.max(from, to - 3); start--) {
            int lead = utf8[start] & 0xFF;
            if (lead >= 0xC0) {
                int needed = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
                return start + needed > to ? start : to;
            }
        }
        return to;
    }

    static boolean equal(byte[] a, int from, byte[] whole) {
        return Arrays.equals(a, from, from + whole.length, whole, 0, whole.length);
    }
}
