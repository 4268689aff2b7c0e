package cloze.text;

import cloze.io.BatchSource;
import cloze.stat.Permutation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Objects;

/**
 * Training batches of a language model: windows of T tokens, and the same shifted by one. An epoch visits every window
 * once, in an order given by seed and epoch. Each epoch starts its windows at another offset, so that their borders
 * move. The content of a batch depends only on (seed, step), so resuming is exact. Not thread-safe.
 */
public final class TokenBatches implements BatchSource<TokenBatch> {
    private final Tokens tokens;
    private final int batch;
    private final int time;
    private final long seed;
    private final long windows;
    private final TokenBatch current;
    private long step;

    /**
     * Starts at step 0.
     *
     * @param tokens at least T + 1
     * @param batch B
     * @param time T
     */
    public TokenBatches(Tokens tokens, int batch, int time, long seed) {
        if (batch < 1 || time < 1 || tokens.count() <= time) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "TokenBatches: batch and time must be at least 1 and tokens more than"
                            + " time, but are %d, %d and %d",
                    batch,
                    time,
                    tokens.count()));
        }
        this.tokens = tokens;
        this.batch = batch;
        this.time = time;
        this.seed = seed;
        windows = Math.max(1, (tokens.count() - time) / time);
        Arena arena = Arena.ofAuto();
        long bytes = (long) Integer.BYTES * batch * time;
        current = new TokenBatch(arena.allocate(bytes, Long.BYTES), arena.allocate(bytes, Long.BYTES), batch, time);
    }

    @Override
    public TokenBatch at(long index) {
        seek(index);
        next(current.ids(), current.targets());
        return current;
    }

    /** Number of windows in an epoch; up to 2 T tokens at the two ends are skipped, others in each epoch. */
    public long windows() {
        return windows;
    }

    public long stepsPerEpoch() {
        return (windows + batch - 1) / batch;
    }

    /** The step of the next batch. With the seed, it is the whole state. */
    public long step() {
        return step;
    }

    /** Continues at a step. */
    public void seek(long nextStep) {
        if (nextStep < 0) {
            throw new IllegalArgumentException("TokenBatches: step must be at least 0, but is " + nextStep);
        }
        step = nextStep;
    }

    /**
     * Fills the next batch.
     *
     * @param inputs [B, T] i32
     * @param targets [B, T] i32, the token after each input
     */
    public void next(MemorySegment inputs, MemorySegment targets) {
        long row = (long) Integer.BYTES * time;
        Objects.checkFromIndexSize(0, row * batch, inputs.byteSize());
        Objects.checkFromIndexSize(0, row * batch, targets.byteSize());
        for (int b = 0; b < batch; b++) {
            long from = start(step * batch + b);
            tokens.read(from, inputs.asSlice(row * b, row), time);
            tokens.read(from + 1, targets.asSlice(row * b, row), time);
        }
        step++;
    }

    /** The first token of the window of a sample, counted over all epochs. */
    long start(long sample) {
        long epoch = sample / windows;
        long key = Permutation.mix(seed ^ Permutation.mix(epoch));
        long slack = tokens.count() - 1 - windows * time;
        long offset = Math.floorMod(Permutation.mix(key), Math.min(slack, (long) time - 1) + 1);
        return offset + time * new Permutation(windows, key).at(sample % windows);
    }
}
