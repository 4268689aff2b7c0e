package cloze.serve;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.checkpoint.StoredTensor;
import cloze.checkpoint.StoredType;
import cloze.eval.NearestNeighbours;
import cloze.image.ImageBatch;
import cloze.image.ImagePass;
import cloze.image.ImageSet;
import cloze.image.Picture;
import cloze.image.Unreadable;
import cloze.tensor.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Vectors by name with exact search for the nearest by cosine, over all vectors. Thread-safe: searches take no lock, also during additions; a search sees all of an addition or nothing of it.
 *
 * <pre>
 * var index = new ImageIndex(encoder.width());
 * index.add(names, encoder.encodeFiles(files));
 * List&lt;ImageIndex.Neighbour&gt; alike = index.nearest(encoder.encodeFiles(List.of(photo)).getFirst(), 5);
 * </pre>
 */
public final class ImageIndex {
    private static final String FORMAT = "cloze-image-index";
    private static final String VECTORS = "vectors";
    private static final String NAMES = "names";
    private static final String ENDS = "ends"; // of each name in the bytes of all
    private static final int LANES = 8;
    private static final int BATCH = 64; // images that are read at a time

    /**
     * A search result.
     *
     * @param cosine of the angle between the two vectors, 1 for the same direction
     */
    public record Neighbour(String name, float cosine) {}

    /** The state that a search reads. Arrays may be longer: entries beyond {@code count} belong to later states. */
    private static final class Content {
        final String[] names;
        final float[] units; // [count, D], each of length 1
        final int count;

        Content(String[] names, float[] units, int count) {
            this.names = names;
            this.units = units;
            this.count = count;
        }
    }

    private final int width;
    private volatile Content content;

    /**
     * An empty index.
     *
     * @param width D, of every vector
     */
    public ImageIndex(int width) {
        if (width < 1) {
            throw new IllegalArgumentException("ImageIndex: width must be 1 or more, but it is " + width);
        }
        this.width = width;
        content = new Content(new String[16], new float[16 * width], 0);
    }

    /** D */
    public int width() {
        return width;
    }

    /** The number of vectors. */
    public int count() {
        return content.count;
    }

    /**
     * Adds vectors under their names, which need not differ.
     *
     * @param vectors each [D], finite and not all zero
     */
    public synchronized void add(List<String> names, List<float[]> vectors) {
        if (names.size() != vectors.size()) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "ImageIndex: a name for each vector is needed, but there are %d for %d",
                    names.size(),
                    vectors.size()));
        }
        Content old = content;
        int count = Math.addExact(old.count, names.size());
        String[] allNames = old.names;
        float[] units = old.units;
        if (count > allNames.length) {
            int room = Math.max(count, (int) Math.min(Integer.MAX_VALUE / (long) width, 2L * old.count));
            units = Arrays.copyOf(units, Math.multiplyExact(room, width));
            allNames = Arrays.copyOf(allNames, room);
        }
        for (int i = 0; i < names.size(); i++) {
            allNames[old.count + i] = names.get(i);
            System.arraycopy(unit(names.get(i), vectors.get(i)), 0, units, (old.count + i) * width, width);
        }
        content = new Content(allNames, units, count);
    }

    /**
     * Adds the images of a set, each under its name; those that can not be read are left out.
     *
     * @throws IOException if an image can not be read and none may be left out
     */
    public void add(ImageEncoder encoder, ImageSet images, Unreadable unreadable) throws IOException {
        try (var pass = new ImagePass(new Numbered(images), encoder.view(), BATCH, unreadable)) {
            for (ImageBatch batch = pass.next(); batch != null; batch = pass.next()) {
                List<String> names =
                        Arrays.stream(batch.labels()).mapToObj(images::name).toList();
                add(names, encoder.encode(batch.pixels()));
            }
        }
    }

    /** The images of a set, each a class of its own. */
    private record Numbered(ImageSet images) implements ImageSet {
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
            return i;
        }

        @Override
        public List<String> classes() {
            return List.of();
        }

        @Override
        public Picture read(int i) throws IOException {
            return images.read(i);
        }
    }

    private float[] unit(String name, float[] vector) {
        if (vector.length != width) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "ImageIndex: vectors must be [%d], but that of %s is [%d]",
                    width,
                    name,
                    vector.length));
        }
        double squares = 0;
        for (float each : vector) {
            squares += (double) each * each;
        }
        if (!(squares > 0) || Double.isInfinite(squares)) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "ImageIndex: vectors must be finite and not zero, but that of %s is not", name));
        }
        double scale = 1 / Math.sqrt(squares);
        float[] unit = new float[width];
        for (int d = 0; d < width; d++) {
            unit[d] = (float) (vector[d] * scale);
        }
        return unit;
    }

    /**
     * The k nearest, the nearest first; all of them where there are fewer.
     *
     * @param vector [D]
     */
    public List<Neighbour> nearest(float[] vector, int k) {
        if (k < 1) {
            throw new IllegalArgumentException("ImageIndex: k must be 1 or more, but it is " + k);
        }
        Content seen = content;
        float[] unit = unit("the query", vector);
        float[] cosines = new float[seen.count];
        for (int i = 0; i < cosines.length; i++) {
            cosines[i] = dot(seen.units, i * width, unit);
        }
        List<Neighbour> found = new ArrayList<>();
        for (int i : NearestNeighbours.nearest(cosines, 0, cosines.length, k)) {
            found.add(new Neighbour(seen.names[i], cosines[i]));
        }
        return found;
    }

    /** Eight independent sums: a single one would be limited by the latency of addition. */
    private static float dot(float[] x, int at, float[] y) {
        float[] sums = new float[LANES];
        int whole = y.length / LANES * LANES;
        for (int d = 0; d < whole; d += LANES) {
            for (int lane = 0; lane < LANES; lane++) {
                sums[lane] += x[at + d + lane] * y[d + lane];
            }
        }
        float sum = 0;
        for (int d = whole; d < y.length; d++) {
            sum += x[at + d] * y[d];
        }
        for (float each : sums) {
            sum += each;
        }
        return sum;
    }

    /** Writes safetensors: {@code vectors} [N, D], {@code names} in UTF-8, {@code ends} [N] of each in them. */
    public void save(Path file) throws IOException {
        Content seen = content;
        var text = new ByteArrayOutputStream();
        int[] ends = new int[seen.count];
        for (int i = 0; i < seen.count; i++) {
            text.writeBytes(seen.names[i].getBytes(StandardCharsets.UTF_8));
            ends[i] = text.size();
        }
        byte[] names = text.toByteArray();
        float[] units = Arrays.copyOf(seen.units, seen.count * width);
        new SafetensorsWriter()
                .add(VECTORS, StoredType.F32, new Shape(seen.count, width), MemorySegment.ofArray(units))
                .add(ENDS, StoredType.I32, new Shape(seen.count), MemorySegment.ofArray(ends))
                .add(NAMES, StoredType.U8, new Shape(names.length), MemorySegment.ofArray(names))
                .metadata("format", FORMAT)
                .write(file);
    }

    /**
     * Reads what {@link #save} wrote.
     *
     * @throws IOException if the file is something else, or broken
     */
    public static ImageIndex load(Path path) throws IOException {
        try (var file = Safetensors.open(path)) {
            if (!FORMAT.equals(file.metadata().get("format"))) {
                throw new CheckpointException(
                        path, "format", FORMAT, "" + file.metadata().get("format"));
            }
            Shape shape = file.tensor(VECTORS).shape();
            if (shape.rank() != 2 || shape.extent(1) < 1 || shape.size() > Integer.MAX_VALUE - 8) {
                throw new CheckpointException(path, "shape of " + VECTORS, "[N, D]", "" + shape);
            }
            float[] units = new float[(int) shape.size()];
            file.copyTo(VECTORS, MemorySegment.ofArray(units));
            int[] ends = new int[shape.extent(0)];
            file.copyBytesTo(ENDS, StoredType.I32, MemorySegment.ofArray(ends));
            StoredTensor stored = file.tensor(NAMES);
            byte[] names = new byte[Math.toIntExact(Math.min(stored.bytes(), Integer.MAX_VALUE - 8))];
            file.copyBytesTo(NAMES, StoredType.U8, MemorySegment.ofArray(names));
            return of(path, shape.extent(1), units, names, ends);
        }
    }

    private static ImageIndex of(Path path, int width, float[] units, byte[] bytes, int[] ends) throws IOException {
        List<String> names = new ArrayList<>();
        List<float[]> vectors = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < ends.length; i++) {
            if (ends[i] < from || ends[i] > bytes.length) {
                throw new CheckpointException(
                        path, "end " + i, String.format(Locale.ROOT, "%d to %d", from, bytes.length), "" + ends[i]);
            }
            names.add(new String(bytes, from, ends[i] - from, StandardCharsets.UTF_8));
            vectors.add(Arrays.copyOfRange(units, i * width, (i + 1) * width));
            from = ends[i];
        }
        var index = new ImageIndex(width);
        try {
            index.add(names, vectors);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(path, "" + e.getMessage());
        }
        return index;
    }
}
