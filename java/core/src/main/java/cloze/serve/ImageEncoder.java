package cloze.serve;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.foreign.VitFolder;
import cloze.image.Augmentation;
import cloze.image.ImageCodec;
import cloze.image.Normalization;
import cloze.image.Picture;
import cloze.model.Vit;
import cloze.model.VitConfig;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
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
    private final Normalization normalization;

    private ImageEncoder(Backend backend, boolean ownsBackend, Scope scope, Vit encoder, Normalization normalization) {
        this.backend = backend;
        this.ownsBackend = ownsBackend;
        this.scope = scope;
        this.encoder = encoder;
        this.normalization = normalization;
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
            return new ImageEncoder(backend, ownsBackend, scope, built.model(), VitFolder.normalization(folder));
        } catch (IOException | RuntimeException e) {
            scope.close();
            throw e;
        }
    }

    /** An encoder in memory, whose parameters the caller keeps open. */
    public static ImageEncoder of(Backend backend, Vit encoder, Normalization normalization) {
        return new ImageEncoder(backend, false, backend.memory().scope("image encoder"), encoder, normalization);
    }

    /** How a picture becomes what the encoder sees: the middle square, resized, normalised. */
    public Augmentation view() {
        return Augmentation.none(config().image(), normalization);
    }

    /** The vector of each picture, [D]. */
    public List<float[]> encodePictures(List<Picture> pictures) {
        Augmentation view = view();
        List<float[]> vectors = new ArrayList<>(pictures.size());
        for (int from = 0; from < pictures.size(); from += BATCH) {
            List<Picture> some = pictures.subList(from, Math.min(pictures.size(), from + BATCH));
            float[] pixels = new float[some.size() * view.size()];
            for (int i = 0; i < some.size(); i++) {
                view.apply(some.get(i), 0, pixels, i * view.size());
            }
            vectors.addAll(encode(pixels));
        }
        return vectors;
    }

    /**
     * The vector of each image file, [D], of any format that the installed {@link ImageCodec} reads.
     *
     * @throws IOException naming the first that can not be read
     */
    public List<float[]> encodeFiles(List<Path> files) throws IOException {
        ImageCodec codec = ImageCodec.installed();
        List<float[]> vectors = new ArrayList<>(files.size());
        for (int from = 0; from < files.size(); from += BATCH) {
            List<Picture> pictures = new ArrayList<>();
            for (Path file : files.subList(from, Math.min(files.size(), from + BATCH))) {
                pictures.add(codec.decode(file.toString(), Files.readAllBytes(file)));
            }
            vectors.addAll(encodePictures(pictures));
        }
        return vectors;
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
        return encode(images, Vit.Pooling.MEAN);
    }

    /** As {@link #encode(float[])}, with another vector for an image than the mean of its patches' tokens. */
    public List<float[]> encode(float[] images, Vit.Pooling pooling) {
        int pixels = wholeImages(images);
        var vectors = new ArrayList<float[]>(images.length / pixels);
        for (int from = 0; from < images.length; from += BATCH * pixels) {
            int to = Math.min(images.length, from + BATCH * pixels);
            float[] rows = batch(Arrays.copyOfRange(images, from, to), pooling);
            for (int at = 0; at < rows.length; at += width()) {
                vectors.add(Arrays.copyOfRange(rows, at, at + width()));
            }
        }
        return vectors;
    }

    /** @return the numbers of one */
    private int wholeImages(float[] images) {
        int side = config().image();
        int pixels = side * side * config().channels();
        if (images.length % pixels != 0) {
            throw new IllegalArgumentException(
                    "ImageEncoder: images must be whole ones of [%d, %d, %d], but are %d numbers"
                            .formatted(side, side, config().channels(), images.length));
        }
        return pixels;
    }

    /**
     * Where the class token looks in the last block, for each image: [H, N], the probabilities of the patches; what is
     * missing to 1 it keeps for itself.
     *
     * @param images [B, S, S, C], as for {@link #encode(float[])}
     */
    public List<float[]> attention(float[] images) {
        int pixels = wholeImages(images);
        int heads = config().stack().heads();
        int n = config().patches();
        var maps = new ArrayList<float[]>(images.length / pixels);
        for (int from = 0; from < images.length; from += pixels) {
            float[] all; // [H, 1 + N]
            try (Scope step = backend.memory().scope("attention")) {
                Tape tape = Tape.inference(backend, step);
                float[] image = Arrays.copyOfRange(images, from, from + pixels);
                all = encoder.classAttention(tape, encoder.patches(tape, image));
            }
            float[] patches = new float[heads * n];
            for (int h = 0; h < heads; h++) {
                System.arraycopy(all, h * (1 + n) + 1, patches, h * n, n);
            }
            maps.add(patches);
        }
        return maps;
    }

    /** [B, D] */
    private float[] batch(float[] images, Vit.Pooling pooling) {
        try (Scope step = backend.memory().scope("encode")) {
            Tape tape = Tape.inference(backend, step);
            return backend.floats(encoder.features(tape, encoder.patches(tape, images), pooling));
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
