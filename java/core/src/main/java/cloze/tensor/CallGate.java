package cloze.tensor;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/**
 * Counts the calls under way of something that can be closed, so that it is closed between two calls. Each call enters and
 * leaves, by two atomic additions. Thread-safe.
 */
public final class CallGate {
    /** Threads count in different cache lines, so that they do not wait for each other's additions. */
    private static final int STRIPES = 16;

    private static final int STRIDE = 64 / Integer.BYTES;
    private static final long POLL_NANOSECONDS = 20_000;

    private enum State {
        OPEN,
        HELD,
        CLOSED
    }

    private final Supplier<String> name;
    private final AtomicIntegerArray calls = new AtomicIntegerArray(STRIPES * STRIDE);
    private volatile State state = State.OPEN;

    /** @param name of what is closed, for messages */
    public CallGate(Supplier<String> name) {
        this.name = name;
    }

    /**
     * Begins a call; {@link #leave} ends it, by the same thread.
     *
     * @throws IllegalStateException if the gate is closed
     */
    public void enter() {
        int stripe = stripe();
        calls.incrementAndGet(stripe);
        if (state != State.OPEN) {
            calls.decrementAndGet(stripe);
            enterLater(stripe);
        }
    }

    private synchronized void enterLater(int stripe) { // one who holds the gate has this lock
        if (state == State.CLOSED) {
            throw new IllegalStateException(name.get() + " is closed");
        }
        calls.incrementAndGet(stripe);
    }

    public void leave() {
        calls.decrementAndGet(stripe());
    }

    /** True after {@link #close} has begun. */
    public boolean isClosed() {
        return state == State.CLOSED;
    }

    /** Waits until no call is under way, and runs {@code work} before a next one begins. Not to be called within a call. */
    synchronized void between(Runnable work) {
        if (state == State.CLOSED) {
            return;
        }
        state = State.HELD;
        try {
            awaitCalls();
            work.run();
        } finally {
            state = State.OPEN;
        }
    }

    /**
     * Refuses new calls and waits for those under way. Not to be called within a call.
     *
     * @return false if the gate was closed before
     */
    public synchronized boolean close() {
        if (state == State.CLOSED) {
            return false;
        }
        state = State.CLOSED;
        awaitCalls();
        return true;
    }

    private void awaitCalls() {
        for (int stripe = 0; stripe < calls.length(); stripe += STRIDE) {
            while (calls.get(stripe) != 0) {
                LockSupport.parkNanos(POLL_NANOSECONDS);
            }
        }
    }

    private static int stripe() {
        return ((int) Thread.currentThread().threadId() & STRIPES - 1) * STRIDE;
    }
}
