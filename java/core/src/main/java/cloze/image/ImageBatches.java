package cloze.image;

import cloze.io.BatchSource;
import cloze.io.DataException;
import cloze.stat.Permutation;
import java.io.IOException;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Training batches of images. An epoch visits every image once, in an order given by seed and epoch. The content of a
 * batch depends only on (seed, index) and not on the number of threads, so resuming is exact. Other threads read and
 * augment the next batches ahead. An image that cannot be read is replaced by the next one of the epoch.
 */
public final class ImageBatches implements BatchSource<ImageBatch> {
    private static final int HOPELESS = 1000; // consecutive images that can not be read

    private final ImageSet images;
    private final Augmentation augmentation;
    private final int batch;
    private final long seed;
    private final Unreadable unreadable;
    private final int ahead;
    private final ExecutorService threads;
    private final Map<Long, Future<ImageBatch>> pending = new TreeMap<>();
    private volatile boolean closed;

    /**
     * Starts reading at the first request for a batch.
     *
     * @param batch B
     * @param seed of the order and the augmentation
     * @param threads threads that read ahead, each one batch
     */
    public ImageBatches(
            ImageSet images, Augmentation augmentation, int batch, long seed, int threads, Unreadable unreadable) {
        if (batch < 1 || threads < 1 || images.count() < 1) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "ImageBatches: batch, threads and images must be 1 or more, but are %d, %d and %d",
                    batch,
                    threads,
                    images.count()));
        }
        this.images = images;
        this.augmentation = augmentation;
        this.batch = batch;
        this.seed = seed;
        this.unreadable = unreadable;
        ahead = threads + 1;
        this.threads = Executors.newFixedThreadPool(
                threads, Thread.ofPlatform().daemon().name("images-", 0).factory());
    }

    /** Reads one batch on this thread: the first {@code count} images in the order of the seed. */
    public static ImageBatch read(
            ImageSet images, Augmentation augmentation, int count, long seed, Unreadable unreadable)
            throws IOException {
        try (var once = new ImageBatches(images, augmentation, count, seed, 1, unreadable)) {
            return once.make(0);
        }
    }

    public ImageSet images() {
        return images;
    }

    public Augmentation augmentation() {
        return augmentation;
    }

    /** B */
    public int batch() {
        return batch;
    }

    /**
     * Waits for batch {@code index} and starts reading the next ones. Not thread-safe.
     *
     * @throws IOException if an image cannot be read and none may be skipped, or if too many in a row cannot be read
     */
    @Override
    public ImageBatch at(long index) throws IOException {
        if (closed) {
            throw new IllegalStateException(
                    String.format(Locale.ROOT, "ImageBatches: batch %d is asked for after close()", index));
        }
        forget(index);
        Future<ImageBatch> first = pending.remove(index);
        if (first == null) {
            first = threads.submit(() -> make(index));
        }
        for (long i = index + 1; i <= index + ahead; i++) {
            pending.computeIfAbsent(i, wanted -> threads.submit(() -> make(wanted)));
        }
        try {
            return first.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException because) {
                throw because;
            }
            throw new IllegalStateException(
                    String.format(Locale.ROOT, "batch %d can not be read", index), e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for batch " + index, e);
        }
    }

    /** Cancels batches that were read ahead for another position. */
    private void forget(long index) {
        for (var each = pending.entrySet().iterator(); each.hasNext(); ) {
            var entry = each.next();
            if (entry.getKey() < index || entry.getKey() > index + ahead) {
                entry.getValue().cancel(false);
                each.remove();
            }
        }
    }

    private ImageBatch make(long index) throws IOException {
        float[] pixels = new float[Math.multiplyExact(batch, augmentation.size())];
        int[] labels = new int[batch];
        for (int b = 0; b < batch && !closed; b++) { // nobody waits for a batch once this is closed
            long sample = index * batch + b;
            int image = read(sample, pixels, b * augmentation.size());
            labels[b] = images.label(image);
        }
        if (closed) {
            throw new IllegalStateException(
                    String.format(Locale.ROOT, "ImageBatches: closed while batch %d was read", index));
        }
        return new ImageBatch(pixels, labels);
    }

    /** Reads a sample, counted over all epochs, and returns the index of its image. */
    private int read(long sample, float[] to, int at) throws IOException {
        int n = images.count();
        long epoch = sample / n;
        long key = Permutation.mix(seed ^ Permutation.mix(epoch));
        var order = new Permutation(n, key);
        for (int next = 0; next < Math.min(n, HOPELESS); next++) {
            int image = (int) order.at((sample + next) % n);
            try {
                augmentation.apply(images.read(image), Permutation.mix(key + sample), to, at);
                return image;
            } catch (IOException e) {
                unreadable.add(image, images.name(image), e);
            }
        }
        throw new DataException(String.format(
                Locale.ROOT, "%d images in a row can not be read, the last %s", Math.min(n, HOPELESS), images.name((int)
                        order.at(sample % n))));
    }

    /** Drops what was to be read ahead, and waits for images that are being read. */
    @Override
    public void close() {
        closed = true;
        pending.values().forEach(ahead -> ahead.cancel(false));
        threads.shutdown(); // no interrupts: one would close a channel that other readers of the images share
        try {
            threads.awaitTermination(1, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
