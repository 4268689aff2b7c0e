package cloze.text.token;

import java.nio.charset.StandardCharsets;

/**
 * GPT-2's one-to-one map of the 256 bytes to printable characters: a printable byte of Latin-1 maps to itself, the
 * others to U+0100 and up. @see "encoder.py of the GPT-2 release, bytes_to_unicode"
 */
public final class ByteLevel {
    private static final char[] CHARACTERS = new char[256];
    private static final short[] BYTES = new short[0x144];

    static {
        java.util.Arrays.fill(BYTES, (short) -1);
        int next = 0x100;
        for (int b = 0; b < 256; b++) {
            boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            CHARACTERS[b] = (char) (printable ? b : next++);
            BYTES[CHARACTERS[b]] = (short) b;
        }
    }

    private ByteLevel() {}

    public static char character(int b) {
        return CHARACTERS[b];
    }

    public static String token(byte[] bytes) {
        StringBuilder token = new StringBuilder(bytes.length);
        for (byte b : bytes) {
            token.append(CHARACTERS[b & 0xFF]);
        }
        return token.toString();
    }

    /** The bytes of a token; a token with a character outside the map gives its UTF-8. */
    public static byte[] bytes(String token) {
        byte[] bytes = new byte[token.length()];
        for (int i = 0; i < bytes.length; i++) {
            char c = token.charAt(i);
            if (c >= BYTES.length || BYTES[c] < 0) {
                return token.getBytes(StandardCharsets.UTF_8);
            }
            bytes[i] = (byte) BYTES[c];
        }
        return bytes;
    }
}
