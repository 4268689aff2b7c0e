package cloze.bench;

import cloze.image.ImageSet;
import cloze.image.Picture;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/** Images of which it is known when they have been read, since threads read some ahead. */
final class WatchedImages implements ImageSet {
    private static final long QUIET = 50; // ms

    private final ImageSet images;
    private final AtomicLong begun = new AtomicLong();
    private final AtomicLong done = new AtomicLong();
    private volatile long last = System.nanoTime();

    WatchedImages(ImageSet images) {
        this.images = images;
    }

    /** Waits until nobody reads any more and says when that was, in ns. */
    long end() {
        try {
            long before = -1;
            while (done.get() != before || begun.get() != before) {
                before = done.get();
                Thread.sleep(QUIET);
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while images are read", e);
        }
        return last;
    }

    @Override
    public Picture read(int i) throws IOException {
        begun.incrementAndGet();
        try {
            return images.read(i);
        } finally {
            last = System.nanoTime();
            done.incrementAndGet();
        }
    }

    @Override
    public int count() {
        return images.count();
    }

    @Override
    public String name(int i) {
        return images.name(i);
    }

    @Override
    public int label(int i) {
        return images.label(i);
    }

    @Override
    public List<String> classes() {
        return images.classes();
    }
}
