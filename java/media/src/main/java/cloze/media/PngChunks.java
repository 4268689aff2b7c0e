package cloze.media;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** The chunks of a PNG that tell how it is turned. Text and profiles may grow without bound when they are inflated. */
final class PngChunks {
    private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    private static final int IHDR = 0x49484452;
    private static final int EXIF = 0x65584966;
    private static final int IEND = 0x49454E44;
    private static final int FRAME = 12; // length, type and checksum

    private PngChunks() {}

    static boolean isPng(byte[] encoded) {
        return encoded.length > SIGNATURE.length
                && Arrays.equals(SIGNATURE, 0, SIGNATURE.length, encoded, 0, SIGNATURE.length);
    }

    /** The file with its header, its EXIF and its end alone; as far as it is whole. */
    static byte[] exif(byte[] encoded) {
        var kept = new ByteArrayOutputStream();
        kept.write(encoded, 0, SIGNATURE.length);
        ByteBuffer file = ByteBuffer.wrap(encoded);
        int at = SIGNATURE.length;
        while (encoded.length - at >= FRAME) {
            int length = file.getInt(at);
            if (length < 0 || length > encoded.length - at - FRAME) {
                break;
            }
            int type = file.getInt(at + 4);
            if (type == IHDR || type == EXIF || type == IEND) {
                kept.write(encoded, at, FRAME + length);
            }
            at += FRAME + length;
        }
        return kept.toByteArray();
    }
}
