package cloze.image;

import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Reads every image of a set once, in order, in batches, for evaluation. Another thread reads the next batch ahead. An
 * image that cannot be read is skipped, so a batch may be smaller than others.
 */
public final class ImagePass implements AutoCloseable {
    private final ImageSet images;
    private final Augmentation augmentation;
    private final int batch;
    private final Unreadable unreadable;
    private final ExecutorService reader = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("image-pass").factory());
    private int next;
    private @Nullable Future<ImageBatch> ahead;
    private volatile boolean closed;

    /** @param batch maximum number of images in a batch */
    public ImagePass(ImageSet images, Augmentation augmentation, int batch, Unreadable unreadable) {
        if (batch < 1) {
            throw new IllegalArgumentException("ImagePass: batch must be 1 or more, but it is " + batch);
        }
        this.images = images;
        this.augmentation = augmentation;
        this.batch = batch;
        this.unreadable = unreadable;
    }

    /**
     * The next batch, possibly empty; null after the last one.
     *
     * @throws IOException if an image cannot be read and none may be skipped
     */
    public @Nullable ImageBatch next() throws IOException {
        Future<ImageBatch> wanted = ahead == null ? submit() : ahead;
        ahead = submit();
        if (wanted == null) {
            return null;
        }
        try {
            return wanted.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException because) {
                throw because;
            }
            throw new IllegalStateException("images can not be read", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for images", e);
        }
    }

    private @Nullable Future<ImageBatch> submit() {
        if (next >= images.count()) {
            return null;
        }
        int from = next;
        next = Math.min(images.count(), from + batch);
        int to = next;
        return reader.submit(() -> read(from, to));
    }

    private ImageBatch read(int from, int to) throws IOException {
        float[] pixels = new float[Math.multiplyExact(to - from, augmentation.size())];
        int[] labels = new int[to - from];
        int count = 0;
        for (int i = from; i < to && !closed; i++) {
            try {
                augmentation.apply(images.read(i), i, pixels, count * augmentation.size());
                labels[count++] = images.label(i);
            } catch (IOException e) {
                unreadable.add(i, images.name(i), e);
            }
        }
        if (closed) {
            throw new IllegalStateException(
                    String.format(Locale.ROOT, "ImagePass: closed while images %d to %d were read", from, to));
        }
        return new ImageBatch(Arrays.copyOf(pixels, count * augmentation.size()), Arrays.copyOf(labels, count));
    }

    /** Drops what was to be read ahead, and waits for an image that is being read. */
    @Override
    public void close() {
        closed = true;
        reader.shutdown(); // no interrupts: one would close a channel that other readers of the images share
        try {
            reader.awaitTermination(1, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
