package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.Locale;

/**
 * Decodes a block of LZ4.
 *
 * @see <a href="https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md">The format</a>
 */
final class Lz4Block {
    private static final int LEAST_MATCH = 4;

    private Lz4Block() {}

    /** Fills {@code out} and returns it. */
    static byte[] decode(Cursor in, byte[] out) throws IOException {
        decode(in, out, 0, out.length);
        return out;
    }

    /** Fills {@code out} from {@code from} to {@code end}. */
    static void decode(Cursor in, byte[] out, int from, int end) throws IOException {
        int at = from;
        while (in.remaining() > 0) {
            int token = in.u8();
            at = Copies.literal(in, size(in, token >>> 4), out, at, end);
            if (in.remaining() > 0) { // the last sequence has no match
                long distance = in.little(2);
                if (distance > at - from) {
                    throw new DataException(String.format(
                            Locale.ROOT,
                            "expected LZ4 that refers back to its block, found %d bytes back at %d",
                            distance,
                            at - from));
                }
                at = Copies.copy(out, at, end, distance, size(in, token & 0xF) + LEAST_MATCH);
            }
        }
        if (at != end) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected LZ4 of %d bytes, found %d", end - from, at - from));
        }
    }

    private static long size(Cursor in, int nibble) throws IOException {
        long size = nibble;
        if (nibble == 15) {
            int more;
            do {
                more = in.u8();
                size += more;
            } while (more == 255);
        }
        return size;
    }
}
