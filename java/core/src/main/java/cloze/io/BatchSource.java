package cloze.io;

import java.io.IOException;

/**
 * Training batches by number. A batch depends on its number and the seed alone, so that a run can resume anywhere.
 *
 * @param <B> a batch on the host; it belongs to the caller until the next call
 */
public interface BatchSource<B> extends AutoCloseable {
    /**
     * Waits for a batch. For one thread at a time.
     *
     * @param index 0, 1, ... over all epochs
     * @throws IOException if its data can not be read
     */
    B at(long index) throws IOException;

    /** Ends the threads that read ahead, if there are any. */
    @Override
    default void close() {}
}
