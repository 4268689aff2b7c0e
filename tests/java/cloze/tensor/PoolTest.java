package cloze.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class PoolTest {
    private static final int MEBI = 1 << 20;

    private static Tensor mebibytes(Scope scope, String name, int count) {
        return scope.tensor(name, new Shape(count, MEBI / 4), DType.F32);
    }

    @Test
    void the_addresses_of_a_step_repeat() {
        try (Pool pool = new Pool(new HostMemory(Long.MAX_VALUE), Long.MAX_VALUE)) {
            List<Long> first = step(pool);
            long mapped = pool.bytesMapped();
            List<Long> second = step(pool);
            assertThat(second).hasSameElementsAs(first);
            assertThat(step(pool)).isEqualTo(second);
            assertThat(step(pool)).isEqualTo(second);
            assertThat(pool.bytesMapped()).isEqualTo(mapped);
        }
    }

    private static List<Long> step(Pool pool) {
        var addresses = new ArrayList<Long>();
        try (Scope scope = pool.scope("step")) {
            for (int extent : new int[] {3, 1000, 5, 3, 2 * MEBI, 70_000, 2 * MEBI, 2 * MEBI}) {
                Tensor x = scope.tensor("x", new Shape(extent), DType.F32);
                addresses.add(x.memory().address());
                if (addresses.size() == 5 || addresses.size() == 7) {
                    scope.release(x);
                }
            }
        }
        return addresses;
    }

    @Test
    void blocks_are_aligned_and_do_not_overlap() {
        var random = new SplittableRandom(1);
        try (Pool pool = new Pool(new HostMemory(Long.MAX_VALUE), Long.MAX_VALUE);
                Scope scope = pool.scope("test")) {
            var ends = new TreeMap<Long, Long>();
            for (int i = 0; i < 2000; i++) {
                Tensor x = scope.tensor("x", new Shape(random.nextInt(i % 100 == 0 ? 2 * MEBI : 3000)), DType.F32);
                long address = x.memory().address();
                assertThat(address % 64).isZero();
                assertThat(x.memory().byteSize()).isGreaterThanOrEqualTo(x.bytes());
                ends.put(address, address + x.bytes());
            }
            long end = 0;
            for (var block : ends.entrySet()) {
                assertThat(block.getKey()).isGreaterThanOrEqualTo(end);
                end = block.getValue();
            }
            assertThat(ends).hasSize(2000);
        }
    }

    @Test
    void at_most_an_eighth_of_a_block_is_unused() {
        try (Pool pool = new Pool(new HostMemory(Long.MAX_VALUE), Long.MAX_VALUE)) {
            for (int extent : new int[] {1000, 4097, 65_537, 1_000_001, 5_000_000}) {
                try (Scope scope = pool.scope("test")) {
                    Tensor x = scope.tensor("x", new Shape(extent), DType.F32);
                    assertThat((double) scope.bytes() / x.bytes()).isBetween(1.0, 1.126);
                }
            }
        }
    }

    @Test
    void out_of_budget_says_what_holds_how_much() {
        try (Pool pool = new Pool(new HostMemory(Long.MAX_VALUE), 40L * MEBI);
                Scope model = pool.scope("model");
                Scope step = pool.scope("step 3")) {
            mebibytes(model, "weights", 8);
            mebibytes(step, "activations", 20);
            assertThatThrownBy(() -> mebibytes(step, "logits", 14))
                    .isInstanceOf(OutOfMemoryException.class)
                    .hasMessage(
                            "logits needs 14.0 MiB more, but 28.0 MiB are mapped and the budget is 40.0 MiB; in use:"
                                    + " 'step 3' 20.0 MiB, 'model' 8.0 MiB; kept for reuse: 0.0 MiB; a smaller batch"
                                    + " takes less");
            assertThat(pool.bytesMapped()).isEqualTo(28L * MEBI);
            mebibytes(step, "smaller", 12);
        }
    }

    @Test
    void out_of_device_memory_says_so() {
        try (Pool pool = new Pool(new HostMemory(10L * MEBI), Long.MAX_VALUE);
                Scope scope = pool.scope("model")) {
            mebibytes(scope, "weights", 8);
            assertThatThrownBy(() -> mebibytes(scope, "moments", 8))
                    .hasMessage("moments needs 8.0 MiB more, but 8.0 MiB are mapped and the device has no memory left;"
                            + " in use: 'model' 8.0 MiB; kept for reuse: 0.0 MiB; a smaller batch takes less");
        }
    }

    @Test
    void blocks_that_nobody_uses_make_room_on_a_full_device() {
        try (Pool pool = new Pool(new HostMemory(10L * MEBI), Long.MAX_VALUE);
                Scope scope = pool.scope("model")) {
            scope.release(mebibytes(scope, "for a while", 8));
            mebibytes(scope, "larger", 10);
        }
    }

    @Test
    void blocks_that_nobody_uses_make_room_within_the_budget() {
        var device = new HostMemory(Long.MAX_VALUE);
        try (Pool pool = new Pool(device, 20L * MEBI)) {
            try (Scope scope = pool.scope("first")) {
                mebibytes(scope, "x", 14);
            }
            try (Scope scope = pool.scope("second")) {
                mebibytes(scope, "x", 16);
                assertThat(pool.bytesMapped()).isEqualTo(16L * MEBI).isEqualTo(device.mapped());
            }
            assertThat(pool.peakBytes()).isEqualTo(16L * MEBI);
        }
    }

    @Test
    void trim_gives_large_free_blocks_back() {
        var device = new HostMemory(Long.MAX_VALUE);
        try (Pool pool = new Pool(device, Long.MAX_VALUE);
                Scope kept = pool.scope("kept")) {
            mebibytes(kept, "x", 5);
            try (Scope scope = pool.scope("freed")) {
                mebibytes(scope, "y", 6);
            }
            pool.trim();
            assertThat(device.mapped()).isEqualTo(5L * MEBI);
        }
    }

    @Test
    void closing_with_open_scopes_names_them_and_gives_the_memory_back() {
        var device = new HostMemory(Long.MAX_VALUE);
        var pool = new Pool(device, Long.MAX_VALUE);
        mebibytes(pool.scope("step 7"), "x", 5);
        assertThatThrownBy(pool::close)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("closed with open scopes: 'step 7' 5.0 MiB");
        assertThat(device.mapped()).isZero();
    }

    @Test
    void threads_never_share_a_block() throws InterruptedException, ExecutionException {
        try (Pool pool = new Pool(new HostMemory(Long.MAX_VALUE), Long.MAX_VALUE);
                var executor = Executors.newFixedThreadPool(4)) {
            Callable<Boolean> work = () -> keepsItsValues(pool);
            for (var result : executor.invokeAll(List.of(work, work, work, work))) {
                assertThat(result.get()).isTrue();
            }
            assertThat(pool.bytesUsed()).isZero();
        }
    }

    private static boolean keepsItsValues(Pool pool) {
        byte id = (byte) Thread.currentThread().threadId();
        boolean kept = true;
        for (int round = 0; round < 300; round++) {
            try (Scope scope = pool.scope("thread " + id)) {
                var tensors = new ArrayList<Tensor>();
                for (int i = 0; i < 8; i++) {
                    Tensor x = scope.tensor("x", new Shape(16 << i), DType.F32);
                    x.memory().fill(id);
                    tensors.add(x);
                }
                for (Tensor x : tensors) {
                    kept &= x.memory().get(ValueLayout.JAVA_BYTE, x.bytes() - 1) == id;
                }
            }
        }
        return kept;
    }
}
