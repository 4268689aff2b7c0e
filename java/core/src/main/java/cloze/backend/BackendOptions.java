package cloze.backend;

/**
 * How to open a backend.
 *
 * @param threads worker threads on the host, 0 for one a core
 * @param memory most bytes that tensors may take, {@link Long#MAX_VALUE} for no limit
 * @param precision of the models that run on it
 */
public record BackendOptions(int threads, long memory, Precision precision) {
    public static final BackendOptions DEFAULT = new BackendOptions(0, Long.MAX_VALUE, Precision.FP32);

    public BackendOptions {
        if (threads < 0) {
            throw new IllegalArgumentException("threads must be 0 (one a core) or more, but it is " + threads);
        }
        if (memory <= 0) {
            throw new IllegalArgumentException("memory must be more than 0 bytes, but it is " + memory);
        }
    }

    public BackendOptions withThreads(int count) {
        return new BackendOptions(count, memory, precision);
    }

    public BackendOptions withMemory(long bytes) {
        return new BackendOptions(threads, bytes, precision);
    }

    public BackendOptions withPrecision(Precision other) {
        return new BackendOptions(threads, memory, other);
    }
}
