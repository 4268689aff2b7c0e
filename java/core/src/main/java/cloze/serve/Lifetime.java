package cloze.serve;

import cloze.tensor.CallGate;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The calls of a model, which is closed between them. Thread-safe. */
final class Lifetime {
    /** A call of a model. */
    @FunctionalInterface
    interface Call<T, E extends Exception> {
        T run() throws E;
    }

    private final String name;
    private final CallGate gate;
    private final Set<Thread> callers = ConcurrentHashMap.newKeySet();

    /** @param name of the model, for messages */
    Lifetime(String name) {
        this.name = name;
        gate = new CallGate(() -> name);
    }

    /** @throws IllegalStateException if the model is closed */
    <T, E extends Exception> T call(Call<T, E> call) throws E {
        Thread caller = Thread.currentThread();
        if (!callers.add(caller)) {
            return call.run(); // within another call
        }
        try {
            gate.enter();
            try {
                return call.run();
            } finally {
                gate.leave();
            }
        } finally {
            callers.remove(caller);
        }
    }

    /**
     * Refuses new calls and waits for those under way, then runs {@code free}, once.
     *
     * @throws IllegalStateException if it is called within a call
     */
    void close(Runnable free) {
        if (callers.contains(Thread.currentThread())) {
            throw new IllegalStateException(
                    String.format(Locale.ROOT, "%s can not be closed within a call of it", name));
        }
        if (gate.close()) {
            free.run();
        }
    }
}
