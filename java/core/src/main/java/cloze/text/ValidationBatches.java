package cloze.text;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * Batches of adjacent windows in which every token except the first is a target once. After the end of the tokens, the
 * last batch has {@link #IGNORE} as targets and 0 as inputs. Not thread-safe.
 */
public final class ValidationBatches {
    public static final int IGNORE = -1;

    private final Tokens tokens;
    private final int batch;
    private final int time;
    private long next;

    /**
     * Starts at the first token.
     *
     * @param batch B
     * @param time T
     */
    public ValidationBatches(Tokens tokens, int batch, int time) {
        if (batch < 1 || time < 1) {
            throw new IllegalArgumentException(
                    "ValidationBatches: batch and time must be at least 1, but are " + batch + " and " + time);
        }
        this.tokens = tokens;
        this.batch = batch;
        this.time = time;
    }

    public long batches() {
        long perBatch = (long) batch * time;
        return (targets() + perBatch - 1) / perBatch;
    }

    /** Total number of targets. */
    public long targets() {
        return Math.max(0, tokens.count() - 1);
    }

    public void rewind() {
        next = 0;
    }

    /**
     * Fills the next batch and returns its number of targets that are not ignored; 0 after the last batch.
     *
     * @param inputs [B, T] i32
     * @param targets [B, T] i32
     */
    public int next(MemorySegment inputs, MemorySegment targets) {
        long row = (long) Integer.BYTES * time;
        Objects.checkFromIndexSize(0, row * batch, inputs.byteSize());
        Objects.checkFromIndexSize(0, row * batch, targets.byteSize());
        int counted = 0;
        for (int b = 0; b < batch; b++) {
            int n = (int) Math.min(time, Math.max(0, targets() - next));
            MemorySegment input = inputs.asSlice(row * b, row);
            MemorySegment target = targets.asSlice(row * b, row);
            if (n > 0) {
                tokens.read(next, input, n);
                tokens.read(next + 1, target, n);
            }
            for (int t = n; t < time; t++) {
                input.set(ValueLayout.JAVA_INT_UNALIGNED, (long) Integer.BYTES * t, 0);
                target.set(ValueLayout.JAVA_INT_UNALIGNED, (long) Integer.BYTES * t, IGNORE);
            }
            next += n;
            counted += n;
        }
        return counted;
    }
}
