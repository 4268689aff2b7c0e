package cloze.image;

import cloze.io.DataException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.util.Locale;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts images that cannot be read and logs the first 20. Thread-safe. */
public final class Unreadable {
    private static final Logger LOG = LoggerFactory.getLogger(Unreadable.class);
    private static final int NAMED = 20;

    private final boolean strict;
    private final TreeMap<Integer, String> found = new TreeMap<>();

    /** @param strict true if the first unreadable image is an error */
    public Unreadable(boolean strict) {
        this.strict = strict;
    }

    /**
     * Records an image that cannot be read.
     *
     * @throws DataException if this is strict
     * @throws IOException if the thread was interrupted, which says nothing of the image
     */
    void add(int index, String name, IOException why) throws IOException {
        if (why instanceof ClosedByInterruptException || why instanceof InterruptedIOException) {
            throw new InterruptedIOException("interrupted while reading " + name);
        }
        if (strict) {
            throw new DataException(String.format(Locale.ROOT, "%s can not be read: %s", name, why.getMessage()), why);
        }
        boolean first;
        int count;
        synchronized (this) {
            first = found.putIfAbsent(index, name) == null;
            count = found.size();
        }
        if (first && count <= NAMED) {
            LOG.warn("{} is skipped: {}{}", name, why.getMessage(), count == NAMED ? " (the last that is logged)" : "");
        }
    }

    /** Number of distinct images that could not be read so far. */
    public synchronized int count() {
        return found.size();
    }
}
