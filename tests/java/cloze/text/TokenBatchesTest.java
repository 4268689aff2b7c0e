package cloze.text;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.stat.Permutation;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenBatchesTest {
    private static Tokens counting(int count) {
        return Tokens.of(IntStream.range(0, count).toArray());
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 16, 17, 1000, 65_537})
    void permutes_without_repeats(long size) {
        BitSet seen = new BitSet();
        for (long i = 0; i < size; i++) {
            seen.set((int) new Permutation(size, 42).at(i));
        }
        assertThat(seen.cardinality()).isEqualTo((int) size);
        assertThat(seen.length()).isEqualTo((int) size);
    }

    @ParameterizedTest
    @CsvSource({"1000,4,7", "33,1,32", "34,2,32", "65,3,32", "64,2,1", "2,1,1", "12345,8,64"})
    void visits_every_window_once_an_epoch(int count, int batch, int time) {
        TokenBatches batches = new TokenBatches(counting(count), batch, time, 1);
        long windows = batches.windows();
        for (long epoch = 0; epoch < 4; epoch++) {
            BitSet seen = new BitSet();
            for (long i = 0; i < windows; i++) {
                long start = batches.start(epoch * windows + i);
                assertThat(start).isBetween(0L, (long) count - time - 1);
                seen.set((int) start, (int) start + time);
            }
            assertThat((long) seen.cardinality()).isEqualTo(windows * time);
            assertThat(seen.nextClearBit(seen.nextSetBit(0)) - seen.nextSetBit(0))
                    .isEqualTo((int) (windows * time));
        }
        assertThat(windows * time).isGreaterThan(count - 2L * time - 1);
    }

    @Test
    void targets_are_the_tokens_behind() {
        TokenBatches batches = new TokenBatches(counting(1000), 4, 16, 3);
        int[] inputs = new int[64];
        int[] targets = new int[64];
        for (int step = 0; step < 50; step++) {
            batches.next(MemorySegment.ofArray(inputs), MemorySegment.ofArray(targets));
            for (int i = 0; i < 64; i++) {
                assertThat(targets[i]).isEqualTo(inputs[i] + 1);
                assertThat(inputs[i] - inputs[i / 16 * 16]).isEqualTo(i % 16);
            }
        }
    }

    @Test
    void goes_on_from_a_step_exactly() {
        TokenBatches whole = new TokenBatches(counting(5000), 3, 10, 9);
        TokenBatches resumed = new TokenBatches(counting(5000), 3, 10, 9);
        resumed.seek(321);
        int[][] a = new int[2][30];
        int[][] b = new int[2][30];
        for (int step = 0; step < 400; step++) {
            whole.next(MemorySegment.ofArray(a[0]), MemorySegment.ofArray(a[1]));
            if (step >= 321) {
                resumed.next(MemorySegment.ofArray(b[0]), MemorySegment.ofArray(b[1]));
                assertThat(Arrays.deepEquals(a, b)).isTrue();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1000,4,7", "29,4,7", "30,4,7", "2,2,5", "1,2,5", "0,1,3"})
    void validates_on_every_target_once(int count, int batch, int time) {
        ValidationBatches batches = new ValidationBatches(counting(count), batch, time);
        int[] inputs = new int[batch * time];
        int[] targets = new int[batch * time];
        BitSet seen = new BitSet();
        int n;
        long calls = 0;
        int counted = 0;
        while ((n = batches.next(MemorySegment.ofArray(inputs), MemorySegment.ofArray(targets))) > 0) {
            for (int i = 0; i < targets.length; i++) {
                if (targets[i] != ValidationBatches.IGNORE) {
                    assertThat(inputs[i]).isEqualTo(targets[i] - 1);
                    seen.set(targets[i]);
                    counted++;
                }
            }
            assertThat(n).isPositive();
            calls++;
        }
        assertThat(counted).isEqualTo(Math.max(0, count - 1)).isEqualTo(seen.cardinality());
        assertThat(batches.batches()).isEqualTo(calls);
    }
}
