package cloze.backend;

import java.util.Locale;

/**
 * Options of a backend.
 *
 * @param threads worker threads on the host, at most {@link #MOST_THREADS}; 0 for one per core
 * @param memory maximum bytes of tensors, {@link Long#MAX_VALUE} for no limit
 * @param precision of the models that run on it
 * @param ordinal index of the device among devices of its kind, from 0
 */
public record BackendOptions(int threads, long memory, Precision precision, int ordinal) {
    /** The largest number of threads: more than any machine of one system image has cores. */
    public static final int MOST_THREADS = 1024;

    public static final BackendOptions DEFAULT = new BackendOptions(0, Long.MAX_VALUE, Precision.FP32);

    public BackendOptions {
        if (threads < 0 || threads > MOST_THREADS) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "threads must be in [0, %d], where 0 is one per core, but it is %d",
                    MOST_THREADS,
                    threads));
        }
        if (ordinal < 0) {
            throw new IllegalArgumentException("ordinal must be 0 or more, but it is " + ordinal);
        }
        if (memory <= 0) {
            throw new IllegalArgumentException("memory must be more than 0 bytes, but it is " + memory);
        }
    }

    /** Options for the first device of a kind. */
    public BackendOptions(int threads, long memory, Precision precision) {
        this(threads, memory, precision, 0);
    }

    public BackendOptions withThreads(int count) {
        return new BackendOptions(count, memory, precision, ordinal);
    }

    public BackendOptions withMemory(long bytes) {
        return new BackendOptions(threads, bytes, precision, ordinal);
    }

    public BackendOptions withPrecision(Precision other) {
        return new BackendOptions(threads, memory, other, ordinal);
    }

    public BackendOptions withOrdinal(int number) {
        return new BackendOptions(threads, memory, precision, number);
    }
}
