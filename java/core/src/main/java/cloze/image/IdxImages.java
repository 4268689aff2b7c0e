package cloze.image;

import cloze.io.DataException;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * Images and labels from the two IDX files of MNIST and similar sets, plain or gzipped, held in memory.
 *
 * @see <a href="https://yann.lecun.com/exdb/mnist/">The IDX file format</a>
 */
public final class IdxImages implements ImageSet {
    private static final int UNSIGNED_BYTES = 0x08;
    private static final int CHUNK = 1 << 20;

    private final Path file;
    private final int height;
    private final int width;
    private final byte[] samples;
    private final byte[] labels;
    private final List<String> classes;

    private IdxImages(Path file, Values images, byte[] labels, List<String> classes) {
        this.file = file;
        height = images.extents[1];
        width = images.extents[2];
        samples = images.bytes;
        this.labels = labels;
        this.classes = List.copyOf(classes);
    }

    /** One IDX file of bytes. */
    private static final class Values {
        final int[] extents;
        final byte[] bytes;

        Values(int[] extents, byte[] bytes) {
            this.extents = extents;
            this.bytes = bytes;
        }
    }

    /**
     * Reads both files.
     *
     * @param classes names of the labels 0, 1, ...
     * @throws DataException if a file is truncated or of another format, or if the numbers of images and labels differ
     */
    public static IdxImages read(Path images, Path labels, List<String> classes) throws IOException {
        Values pixels = values(images, 3, "[images, rows, columns]");
        Values of = values(labels, 1, "[labels]");
        if (of.extents[0] != pixels.extents[0]) {
            throw new DataException(
                    labels, "byte 4", pixels.extents[0] + " labels, as there are images", "" + of.extents[0]);
        }
        for (int i = 0; i < of.bytes.length; i++) {
            if ((of.bytes[i] & 0xFF) >= classes.size()) {
                throw new DataException(
                        labels, "label " + i, "0 to " + (classes.size() - 1), "" + (of.bytes[i] & 0xFF));
            }
        }
        return new IdxImages(images, pixels, of.bytes, classes);
    }

    /** Reads images without labels. */
    public static IdxImages read(Path images) throws IOException {
        return new IdxImages(images, values(images, 3, "[images, rows, columns]"), new byte[0], List.of());
    }

    private static Values values(Path file, int rank, String axes) throws IOException {
        try (InputStream raw = new BufferedInputStream(Files.newInputStream(file));
                var in = new DataInputStream(inflated(raw))) {
            int magic = in.readInt();
            int expected = UNSIGNED_BYTES << 8 | rank;
            if (magic != expected) {
                throw new DataException(
                        file,
                        "byte 0",
                        String.format(Locale.ROOT, "0x%08x, IDX of bytes %s", expected, axes),
                        String.format(Locale.ROOT, "0x%08x", magic));
            }
            int[] extents = new int[rank];
            long size = 1;
            for (int i = 0; i < rank; i++) {
                extents[i] = in.readInt();
                size *= Math.max(0, extents[i]);
                if (extents[i] < 1 || size > Integer.MAX_VALUE - 8) {
                    throw new DataException(
                            file, "byte " + 4 * (i + 1), "extents from 1 up, of 2 GiB at most", "" + extents[i]);
                }
            }
            return new Values(extents, bytes(file, in, (int) size, 4L * (rank + 1)));
        } catch (EOFException | ZipException e) {
            throw new DataException(file + ": the IDX file is truncated or damaged: " + e.getMessage(), e);
        }
    }

    private static InputStream inflated(InputStream raw) throws IOException {
        raw.mark(2);
        boolean gzip = raw.read() == 0x1F && raw.read() == 0x8B;
        raw.reset();
        return gzip ? new GZIPInputStream(raw, CHUNK) : raw;
    }

    /**
     * Reads {@code size} bytes. A large array is allocated only after its first part has been read, since the header
     * may be wrong.
     */
    private static byte[] bytes(Path file, InputStream in, int size, long header) throws IOException {
        byte[] bytes = in.readNBytes(Math.min(size, CHUNK));
        if (bytes.length < size && bytes.length == CHUNK) {
            byte[] all = Arrays.copyOf(bytes, size);
            int read = CHUNK + in.readNBytes(all, CHUNK, size - CHUNK);
            bytes = read == size ? all : Arrays.copyOf(all, read);
        }
        if (bytes.length < size) {
            throw new DataException(
                    file, "byte " + (header + bytes.length), size + " bytes after the header", "the end of the file");
        }
        return bytes;
    }

    @Override
    public int count() {
        return samples.length / (height * width);
    }

    @Override
    public String name(int i) {
        return file.getFileName() + "#" + i;
    }

    @Override
    public int label(int i) {
        return labels.length == 0 ? -1 : labels[i] & 0xFF;
    }

    @Override
    public List<String> classes() {
        return classes;
    }

    @Override
    public Picture read(int i) {
        int size = height * width;
        return new Picture(height, width, 1, Arrays.copyOfRange(samples, i * size, (i + 1) * size));
    }
}
