package cloze.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.BackendException;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.graph.Transfers;
import cloze.op.HostCuda;
import cloze.tensor.DType;
import cloze.tensor.Pool;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Memory for kernels and copies beside tensors on a device that is nearly full; threads that have to wait for others. */
class CudaMemoryTest {
    private static final int MEBI = 1 << 20;

    private final Driver driver = Driver.load(1); // what other tests leave behind is on the first
    private final CudaMemory memory = new CudaMemory(driver);
    private final CudaQueue queue = new CudaQueue(driver, memory, false);
    private final Pool pool = new Pool(memory, Long.MAX_VALUE);

    @BeforeEach
    void fill() {
        HostCuda.memory(100 * MEBI);
        try (Scope scope = pool.scope("for a while")) {
            scope.tensor("x", new Shape(24 * MEBI), DType.F32);
        }
    }

    @AfterEach
    void restore() {
        queue.close();
        pool.close();
        HostCuda.memory(0);
    }

    @Test
    void scratch_takes_the_place_of_what_is_kept_for_reuse() {
        assertThat(queue.scratch(40 * MEBI)).isNotZero();
        assertThat(pool.bytesMapped()).isZero();
    }

    @Test
    void scratch_that_can_not_grow_twofold_grows_by_what_is_needed() {
        assertThat(queue.scratch(40 * MEBI)).isNotZero();
        assertThat(queue.scratch(90 * MEBI)).isNotZero();
        assertThatThrownBy(() -> queue.scratch(101 * MEBI))
                .isInstanceOf(BackendException.class)
                .hasMessage("cuda:1 (cuda on host) has no 105906176 bytes left for sums of kernels");
        assertThat(queue.scratch(MEBI)).isNotZero();
    }

    @Test
    void the_first_upload_takes_the_place_of_what_is_kept_for_reuse() {
        try (var transfers = new Transfers(queue, memory)) {
            long to = memory.map(MEBI);
            transfers.upload(MemorySegment.ofArray(new byte[MEBI]), to, MEBI);
            queue.synchronize();
            memory.unmap(to, MEBI);
        }
    }

    @Test
    @Timeout(60)
    void a_virtual_thread_that_had_to_wait_still_gives_memory_back() throws InterruptedException {
        long block = memory.map(MEBI);
        var failure = new AtomicReference<Throwable>();
        Thread waiting = Thread.ofVirtual()
                .uncaughtExceptionHandler((_, e) -> failure.set(e))
                .unstarted(() -> memory.unmap(block, MEBI));
        synchronized (queue) {
            waiting.start();
            waitUntilBlocked(waiting);
            leaveContexts();
        }
        waiting.join();
        assertThat(failure.get()).isNull();
    }

    /** The module is read from a pipe, so that loading it takes until the test has written it. */
    @Test
    @Timeout(60)
    void a_virtual_thread_that_had_to_wait_still_finds_a_kernel(@TempDir Path temporary) throws Exception {
        Path pipe = temporary.resolve("kernels.so");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor())
                .isZero();
        String kernels = System.getProperty("cloze.cuda.kernels");
        System.setProperty("cloze.cuda.kernels", pipe.toString());
        try (KernelImages images = KernelImages.open(driver)) {
            Thread loading = Thread.ofPlatform().start(() -> images.find("gradients", "gradients_add"));
            var found = new AtomicReference<KernelImages.Kernel>();
            Thread waiting;
            try (var writing = Files.newOutputStream(pipe)) { // is open when somebody reads
                waiting = Thread.ofVirtual().start(() -> found.set(images.find("gradients", "gradients_add")));
                waitUntilBlocked(waiting);
                leaveContexts();
                writing.write(Files.readAllBytes(Path.of(kernels)));
            }
            waiting.join();
            loading.join();
            assertThat(found.get()).isNotNull();
        } finally {
            System.setProperty("cloze.cuda.kernels", kernels);
        }
    }

    private static void waitUntilBlocked(Thread thread) {
        while (thread.getState() != Thread.State.BLOCKED) {
            Thread.onSpinWait();
        }
    }

    /** No thread of the system that runs virtual threads keeps its context: each has one that waits for all others. */
    private void leaveContexts() throws InterruptedException {
        int carriers = Runtime.getRuntime().availableProcessors();
        var here = new AtomicInteger();
        var threads = new Thread[carriers];
        for (int i = 0; i < carriers; i++) {
            threads[i] = Thread.ofVirtual().start(() -> {
                driver.functions().setContext(0);
                here.incrementAndGet();
                while (here.get() < carriers) {
                    Thread.onSpinWait();
                }
            });
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }
}
