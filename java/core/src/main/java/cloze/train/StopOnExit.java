package cloze.train;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * While open, a process that is asked to end (Ctrl-C, SIGTERM, {@code System.exit}) asks its work to stop, and waits until
 * this is closed.
 *
 * <pre>
 * try (var stop = StopOnExit.of(trainer)) {
 *     trainer.run();
 * }
 * </pre>
 */
public final class StopOnExit implements AutoCloseable {
    private static final int SECONDS = 5; // for what is interrupted

    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread hook;

    private StopOnExit(Runnable ask, long seconds) {
        hook = new Thread(() -> stop(ask, seconds), "stop");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Has the run finish its step and write a checkpoint, however long that takes. */
    public static StopOnExit of(Trainer trainer) {
        return new StopOnExit(trainer::requestStop, Long.MAX_VALUE);
    }

    /** Interrupts the current thread, and waits five seconds at most for it to write what it has. */
    public static StopOnExit interrupting() {
        return new StopOnExit(Thread.currentThread()::interrupt, SECONDS);
    }

    private void stop(Runnable ask, long seconds) {
        ask.run();
        try {
            boolean _ = closed.await(seconds, TimeUnit.SECONDS);
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
