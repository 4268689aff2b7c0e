package cloze.train;

import java.util.concurrent.CountDownLatch;

/**
 * While open, a process that is asked to end (Ctrl-C, SIGTERM, {@code System.exit}) waits for the run to finish its step
 * and write a checkpoint.
 *
 * <pre>
 * try (var stop = StopOnExit.of(trainer)) {
 *     trainer.run();
 * }
 * </pre>
 */
public final class StopOnExit implements AutoCloseable {
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread hook;

    private StopOnExit(Trainer trainer) {
        hook = new Thread(() -> stop(trainer), "stop training");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    public static StopOnExit of(Trainer trainer) {
        return new StopOnExit(trainer);
    }

    private void stop(Trainer trainer) {
        trainer.requestStop();
        try {
            closed.await();
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
