package cloze.image;

import cloze.io.DataException;
import java.io.IOException;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts images that can not be read, and names the first of them. Thread-safe. */
public final class Unreadable {
    private static final Logger LOG = LoggerFactory.getLogger(Unreadable.class);
    private static final int NAMED = 20;

    private final boolean strict;
    private final TreeMap<Integer, String> found = new TreeMap<>();

    /** @param strict whether the first one is the end */
    public Unreadable(boolean strict) {
        this.strict = strict;
    }

    /** Takes note of an image that can not be read. @throws DataException if that must not be */
    void add(int index, String name, IOException why) throws DataException {
        if (strict) {
            throw new DataException("%s can not be read: %s".formatted(name, why.getMessage()), why);
        }
        boolean first;
        int count;
        synchronized (this) {
            first = found.putIfAbsent(index, name) == null;
            count = found.size();
        }
        if (first && count <= NAMED) {
            LOG.warn("{} is left out: {}{}", name, why.getMessage(), count == NAMED ? " (more will not be named)" : "");
        }
    }

    /** How many different images could not be read so far. */
    public synchronized int count() {
        return found.size();
    }
}
