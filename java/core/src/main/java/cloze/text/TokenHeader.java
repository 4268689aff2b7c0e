package cloze.text;

import cloze.io.DataException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * The first 80 bytes of a token file, little-endian: magic (8), version, bytes per token, V, CRC-32C of the tokens (4
 * each), count, documents, bytes of text, replaced parts of text (8 each), half of the tokenizer's fingerprint (16),
 * zero (4), CRC-32C of the preceding header (4).
 */
record TokenHeader(int width, int vocabularySize, int checksum, long count, Text text, String tokenizer) {
    static final int BYTES = 80;

    private static final byte[] MAGIC = "CLOZETOK".getBytes(StandardCharsets.US_ASCII);
    private static final int VERSION = 1;

    /**
     * The text that was encoded.
     *
     * @param bytes of UTF-8, without special tokens between documents
     * @param replaced number of invalid parts of UTF-8 that were replaced by U+FFFD
     */
    record Text(long documents, long bytes, long replaced) {}

    static int width(int vocabularySize) {
        return vocabularySize <= 1 << 16 ? Short.BYTES : Integer.BYTES;
    }

    static String shortened(String fingerprint) {
        return fingerprint.substring(0, 32);
    }

    ByteBuffer bytes() {
        ByteBuffer out = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        out.put(MAGIC).putInt(VERSION).putInt(width).putInt(vocabularySize).putInt(checksum);
        out.putLong(count).putLong(text.documents()).putLong(text.bytes()).putLong(text.replaced());
        out.put(HexFormat.of().parseHex(tokenizer)).putInt(0);
        return out.putInt(crc(out.array())).flip();
    }

    private static int crc(byte[] header) {
        CRC32C crc = new CRC32C();
        crc.update(header, 0, BYTES - Integer.BYTES);
        return (int) crc.getValue();
    }

    static TokenHeader read(Path file, byte[] header, long fileSize) throws DataException {
        ByteBuffer in = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
        byte[] magic = new byte[MAGIC.length];
        in.get(magic);
        if (!Arrays.equals(magic, MAGIC)) {
            String found = HexFormat.of().formatHex(magic);
            throw new DataException(file, "byte 0", "a token file, which starts with CLOZETOK", found);
        }
        if (in.getInt() != VERSION) {
            throw new DataException(file, "byte 8", "version " + VERSION, "version " + in.getInt(8));
        }
        int crc = in.getInt(BYTES - Integer.BYTES);
        if (crc != crc(header)) {
            throw new DataException(
                    file,
                    "header",
                    String.format(Locale.ROOT, "checksum %08x", crc(header)),
                    String.format(Locale.ROOT, "%08x, so it is damaged", crc));
        }
        int width = in.getInt();
        int vocabularySize = in.getInt();
        if (vocabularySize < 1 || width != width(vocabularySize)) {
            throw new DataException(
                    file, "byte 12", "2 or 4 bytes per token by vocabulary", width + " bytes for " + vocabularySize);
        }
        int checksum = in.getInt();
        long count = in.getLong();
        if (count < 0 || count > (fileSize - BYTES) / width || BYTES + count * width != fileSize) {
            throw new DataException(
                    file, "size", BYTES + " + " + width + " x " + count + " bytes", fileSize + " bytes");
        }
        Text text = new Text(in.getLong(), in.getLong(), in.getLong());
        byte[] tokenizer = new byte[16];
        in.get(tokenizer);
        return new TokenHeader(
                width, vocabularySize, checksum, count, text, HexFormat.of().formatHex(tokenizer));
    }
}
