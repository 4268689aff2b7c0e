package cloze.serve;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.model.Vit;
import cloze.model.VitConfig;
import cloze.model.VitFolder;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The encoder of a masked autoencoder, or another vision transformer, for applications: turns images into vectors that
 * are near each other where the images are alike. Thread-safe: one loaded encoder serves any number of threads at a time.
 */
public final class ImageEncoder implements AutoCloseable {
    /** Images that are computed together. */
    private static final int BATCH = 32;

    private final Backend backend;
    private final boolean ownsBackend;
    private final Scope scope;
    private final Vit encoder;

    private ImageEncoder(Backend backend, boolean ownsBackend, Scope scope, Vit encoder) {
        this.backend = backend;
        this.ownsBackend = ownsBackend;
        this.scope = scope;
        this.encoder = encoder;
    }

    /**
     * Loads a run folder, or one that {@link VitFolder} knows, onto the CPU.
     *
     * @throws IOException naming the file and what is wrong with it
     */
    public static ImageEncoder load(Path folder) throws IOException {
        Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
        try {
            return load(folder, VitFolder.config(folder).image(), backend, true);
        } catch (IOException | RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    /** Loads onto a device that the caller opened, and closes. */
    public static ImageEncoder load(Path folder, Backend backend) throws IOException {
        return load(folder, VitFolder.config(folder).image(), backend, false);
    }

    /**
     * As {@link #load(Path, Backend)}, for images of another size than the encoder was trained with.
     *
     * @param side pixels of a side
     */
    public static ImageEncoder load(Path folder, int side, Backend backend) throws IOException {
        return load(folder, side, backend, false);
    }

    private static ImageEncoder load(Path folder, int side, Backend backend, boolean ownsBackend) throws IOException {
        Scope scope = backend.memory().scope(folder.toString());
        try {
            Parameters.Built<Vit> built = VitFolder.load(folder, side, backend, scope);
            return new ImageEncoder(backend, ownsBackend, scope, built.model());
        } catch (IOException | RuntimeException e) {
            scope.close();
            throw e;
        }
    }

    /** An encoder in memory, whose parameters the caller keeps open. */
    public static ImageEncoder of(Backend backend, Vit encoder) {
        return new ImageEncoder(backend, false, backend.memory().scope("image encoder"), encoder);
    }

    /** What images have to be. */
    public VitConfig config() {
        return encoder.config();
    }

    /** D, the length of a vector. */
    public int width() {
        return config().stack().width();
    }

    /**
     * The vector of each image, [D], whatever other images come with it.
     *
     * @param images [B, S, S, C] row by row, normalised as those that the encoder was trained on
     */
    public List<float[]> encode(float[] images) {
        int side = config().image();
        int pixels = side * side * config().channels();
        if (images.length % pixels != 0) {
            throw new IllegalArgumentException(
                    "ImageEncoder: images must be whole ones of [%d, %d, %d], but are %d numbers"
                            .formatted(side, side, config().channels(), images.length));
        }
        var vectors = new ArrayList<float[]>(images.length / pixels);
        for (int from = 0; from < images.length; from += BATCH * pixels) {
            int to = Math.min(images.length, from + BATCH * pixels);
            float[] rows = batch(Arrays.copyOfRange(images, from, to));
            for (int at = 0; at < rows.length; at += width()) {
                vectors.add(Arrays.copyOfRange(rows, at, at + width()));
            }
        }
        return vectors;
    }

    /** [B, D] */
    private float[] batch(float[] images) {
        try (Scope step = backend.memory().scope("encode")) {
            Tape tape = Tape.inference(backend, step);
            return backend.floats(encoder.features(tape, encoder.patches(tape, images)));
        }
    }

    @Override
    public void close() {
        scope.close();
        if (ownsBackend) {
            backend.close();
        }
    }
}
