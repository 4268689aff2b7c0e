package cloze.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * While open, a process that is asked to end (Ctrl-C, SIGTERM) interrupts the thread that opened this, and waits a moment
 * for it to write what it has.
 */
public final class InterruptOnExit implements AutoCloseable {
    private static final int SECONDS = 5;

    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread hook;

    private InterruptOnExit(Thread worker) {
        hook = new Thread(() -> interrupt(worker), "interrupt");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Interrupts the current thread at the end of the process. */
    public static InterruptOnExit open() {
        return new InterruptOnExit(Thread.currentThread());
    }

    private void interrupt(Thread worker) {
        worker.interrupt();
        try {
            boolean _ = closed.await(SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the process ends at once then
        }
    }

    @Override
    public void close() {
        closed.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the process is ending, and waited only for this
        }
    }
}
