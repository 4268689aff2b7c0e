package cloze.media.parquet;

import cloze.io.DataException;
import java.io.IOException;
import java.util.Locale;

/** The two steps of which codecs of the family of LZ77 consist, with checks. */
final class Copies {
    private Copies() {}

    /** Copies {@code count} bytes of the input and returns the next position. */
    static int literal(Cursor in, long count, byte[] out, int at, int end) throws IOException {
        int from = in.take(count);
        fits(count, at, end);
        System.arraycopy(in.bytes(), from, out, at, (int) count);
        return at + (int) count;
    }

    /** Repeats {@code count} bytes that begin {@code distance} before, and returns the next position. */
    static int copy(byte[] out, int at, int end, long distance, long count) throws IOException {
        fits(count, at, end);
        if (distance < 1 || distance > at) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected a copy of up to %d bytes back, found %d", at, distance));
        }
        int from = at - (int) distance;
        if (distance >= count) {
            System.arraycopy(out, from, out, at, (int) count);
        } else {
            for (int i = 0; i < count; i++) { // what is copied may be written by the same copy
                out[at + i] = out[from + i];
            }
        }
        return at + (int) count;
    }

    private static void fits(long count, int at, int end) throws DataException {
        if (count > end - at) {
            throw new DataException(
                    String.format(Locale.ROOT, "expected %d more bytes at most, found %d", end - at, count));
        }
    }
}
