package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.Locale;

/**
 * Small numbers in runs of one value and runs of packed bits, as levels and indices of dictionaries are stored.
 *
 * @see <a href="https://parquet.apache.org/docs/file-format/data-pages/encodings/">RLE / bit-packing hybrid</a>
 */
final class HybridRuns {
    private final Cursor in;
    private final int width;
    private long left;
    private boolean packed;
    private int value;
    private Cursor bits;
    private int from;
    private long offset;

    /** @param width bits of a number, from 0 to 32 */
    HybridRuns(Cursor in, int width) throws DataException {
        if (width > Integer.SIZE) {
            throw new DataException(String.format(Locale.ROOT, "expected numbers of 32 bits at most, found %d", width));
        }
        this.in = in;
        this.width = width;
        bits = in;
    }

    int next() throws IOException {
        while (left == 0) {
            run();
        }
        left--;
        if (!packed) {
            return value;
        }
        if (offset + width > 8L * bits.remaining()) {
            throw new Cursor.EndException("more packed numbers", "none");
        }
        int next = (int) bits.bits(from, offset, width);
        offset += width;
        return next;
    }

    private void run() throws IOException {
        long head = in.varint();
        long count = head >>> 1;
        packed = (head & 1) == 1;
        if (count > Integer.MAX_VALUE) {
            throw new DataException(String.format(Locale.ROOT, "expected a run of 2^31 - 1 at most, found %d", count));
        }
        if (packed) {
            left = 8 * count;
            bits = in.part(Math.min(count * width, in.remaining())); // some writers leave out the padding of the last
            from = bits.position();
            offset = 0;
        } else {
            left = count;
            value = (int) in.little((width + 7) / 8);
        }
    }
}
