package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.Locale;

/**
 * Decodes a block of Snappy.
 *
 * @see <a href="https://github.com/google/snappy/blob/main/format_description.txt">The format</a>
 */
final class SnappyBlock {
    private SnappyBlock() {}

    /** Fills {@code out}, which has the size that the block must say, and returns it. */
    static byte[] decode(Cursor in, byte[] out) throws IOException {
        long says = in.varint();
        if (says != out.length) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected Snappy of %d bytes, found %d", out.length, says));
        }
        int at = 0;
        while (in.remaining() > 0) {
            int tag = in.u8();
            at = switch (tag & 3) {
                case 0 -> literal(in, tag >>> 2, out, at);
                case 1 -> Copies.copy(out, at, out.length, ((tag >>> 5) << 8) | in.u8(), ((tag >>> 2) & 7) + 4);
                case 2 -> Copies.copy(out, at, out.length, in.little(2), (tag >>> 2) + 1);
                default -> Copies.copy(out, at, out.length, in.little(4), (tag >>> 2) + 1);
            };
        }
        if (at != out.length) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected Snappy of %d bytes, found %d", out.length, at));
        }
        return out;
    }

    private static int literal(Cursor in, int tag, byte[] out, int at) throws IOException {
        long count = (tag < 60 ? tag : in.little(tag - 59)) + 1; // beyond 59 the size has 1 to 4 bytes of its own
        return Copies.literal(in, count, out, at, out.length);
    }
}
