package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.Locale;

/**
 * Whole numbers by their differences, packed in blocks.
 *
 * @see <a href="https://parquet.apache.org/docs/file-format/data-pages/encodings/">DELTA_BINARY_PACKED</a>
 */
final class DeltaNumbers {
    private static final int LARGEST_BLOCK = 1 << 20;

    private final Cursor in;
    private final int minis;
    private final int perMini;
    private final long count;
    private long read;
    private long value;
    private long least;
    private int[] widths = {};
    private int mini;
    private int inMini;
    private int from;

    DeltaNumbers(Cursor in) throws IOException {
        this.in = in;
        long block = in.varint();
        long parts = in.varint();
        if (block < 1 || block > LARGEST_BLOCK || parts < 1 || parts > block || block % (8 * parts) != 0) {
            throw new DataException(String.format(
                    Locale.ROOT,
                    "expected blocks of 1 to %d numbers in parts of a multiple of 8, found %d in %d parts",
                    LARGEST_BLOCK,
                    block,
                    parts));
        }
        minis = (int) parts;
        perMini = (int) (block / parts);
        mini = minis;
        inMini = perMini;
        count = in.varint();
        value = in.zigzag();
    }

    long count() {
        return count;
    }

    long next() throws IOException {
        if (read >= count || count < 0) {
            throw new Cursor.EndException("more numbers", count + " of them");
        }
        if (read++ > 0) {
            if (inMini == perMini) {
                startMini();
            }
            int width = widths[mini];
            value += least + in.bits(from, (long) inMini * width, width);
            inMini++;
        }
        return value;
    }

    private void startMini() throws IOException {
        mini++;
        if (mini >= minis) {
            least = in.zigzag();
            widths = new int[minis];
            for (int i = 0; i < minis; i++) {
                widths[i] = in.u8();
                if (widths[i] > Long.SIZE) {
                    throw new DataException(
                            String.format(Locale.ROOT, "expected differences of 64 bits at most, found %d", widths[i]));
                }
            }
            mini = 0;
        }
        from = in.take((long) perMini / 8 * widths[mini]);
        inMini = 0;
    }

    /** Reads over what is left, so that the position is that after the numbers. */
    void skip() throws IOException {
        while (read < count) {
            next();
        }
    }
}
