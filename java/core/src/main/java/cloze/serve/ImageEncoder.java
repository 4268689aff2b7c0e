package cloze.serve;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.eval.FrozenEncoder;
import cloze.image.Augmentation;
import cloze.image.ImageCodec;
import cloze.image.Normalization;
import cloze.image.Picture;
import cloze.model.Pooling;
import cloze.model.VisionEncoder;
import cloze.model.Vit;
import cloze.nn.Parameters;
import cloze.recipe.Encoders;
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
    private final Backend backend;
    private final boolean ownsBackend;
    private final Scope scope;
    private final FrozenEncoder frozen;
    private final Lifetime lifetime;

    private ImageEncoder(
            Backend backend, boolean ownsBackend, Scope scope, VisionEncoder encoder, Normalization normalization) {
        this.backend = backend;
        this.ownsBackend = ownsBackend;
        this.scope = scope;
        lifetime = new Lifetime("ImageEncoder " + scope.name());
        frozen = new FrozenEncoder(backend, encoder, normalization);
    }

    /**
     * Loads a run folder, or another that {@link Encoders} reads, onto the CPU.
     *
     * @throws IOException naming the file and what is wrong with it
     */
    public static ImageEncoder load(Path folder) throws IOException {
        Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
        try {
            return load(folder, Encoders.config(folder).image(), backend, true);
        } catch (IOException | RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    /** Loads onto a device that the caller opened, and closes. */
    public static ImageEncoder load(Path folder, Backend backend) throws IOException {
        return load(folder, Encoders.config(folder).image(), backend, false);
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
            Parameters.Built<Vit> built = Encoders.load(folder, side, backend, scope);
            return new ImageEncoder(backend, ownsBackend, scope, built.model(), Encoders.normalization(folder));
        } catch (IOException | RuntimeException e) {
            scope.close();
            throw e;
        }
    }

    /** An encoder in memory, whose parameters the caller keeps open. */
    public static ImageEncoder of(Backend backend, VisionEncoder encoder, Normalization normalization) {
        return new ImageEncoder(backend, false, backend.memory().scope("image encoder"), encoder, normalization);
    }

    /** The preprocessing of a picture for the encoder: the middle square, resized, normalised. */
    public Augmentation view() {
        return frozen.view();
    }

    /** The vector of each picture, [D]. */
    public List<float[]> encodePictures(List<Picture> pictures) {
        return lifetime.call(() -> vectors(pictures));
    }

    private List<float[]> vectors(List<Picture> pictures) {
        Augmentation view = view();
        List<float[]> vectors = new ArrayList<>(pictures.size());
        for (int from = 0; from < pictures.size(); from += FrozenEncoder.BATCH) {
            List<Picture> some = pictures.subList(from, Math.min(pictures.size(), from + FrozenEncoder.BATCH));
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
        return lifetime.call(() -> vectorsOf(files));
    }

    private List<float[]> vectorsOf(List<Path> files) throws IOException {
        ImageCodec codec = ImageCodec.installed();
        List<float[]> vectors = new ArrayList<>(files.size());
        for (int from = 0; from < files.size(); from += FrozenEncoder.BATCH) {
            List<Picture> pictures = new ArrayList<>();
            for (Path file : files.subList(from, Math.min(files.size(), from + FrozenEncoder.BATCH))) {
                pictures.add(codec.decode(file.toString(), Files.readAllBytes(file)));
            }
            vectors.addAll(encodePictures(pictures));
        }
        return vectors;
    }

    /** The encoder on its device, for probes and projections. */
    public FrozenEncoder frozen() {
        return frozen;
    }

    /** H, the attention heads of a block; 0 if there are none. */
    public int heads() {
        return frozen.encoder().heads();
    }

    /** D, the length of a vector. */
    public int width() {
        return frozen.width();
    }

    /**
     * The vector of each image, [D], independent of the other images.
     *
     * @param images [B, S, S, C] row by row, normalised as those that the encoder was trained on
     */
    public List<float[]> encode(float[] images) {
        return encode(images, Pooling.MEAN);
    }

    /** As {@link #encode(float[])}, with another pooling than the mean of the patches' tokens. */
    public List<float[]> encode(float[] images, Pooling pooling) {
        return lifetime.call(() -> frozen.encode(images, pooling));
    }

    /**
     * The attention of the class token in the last block, for each image: [H, N], the probabilities of the patches. The rest
     * to 1 is that of the class token itself.
     *
     * @param images [B, S, S, C], as for {@link #encode(float[])}
     * @throws UnsupportedOperationException if the encoder has no class token
     */
    public List<float[]> attention(float[] images) {
        return lifetime.call(() -> maps(images));
    }

    private List<float[]> maps(float[] images) {
        int pixels = frozen.wholeImages(images);
        var maps = new ArrayList<float[]>(images.length / pixels);
        for (int from = 0; from < images.length; from += pixels) {
            try (Scope step = backend.memory().scope("attention")) {
                Tape tape = Tape.inference(backend, step);
                float[] image = Arrays.copyOfRange(images, from, from + pixels);
                maps.add(frozen.encoder().classAttention(tape, image));
            }
        }
        return maps;
    }

    /**
     * Waits for calls under way, then frees the model, and its device if it opened one. Later calls throw an {@link IllegalStateException}; a
     * second close does nothing.
     *
     * @throws IllegalStateException if it is called within a call
     */
    @Override
    public void close() {
        lifetime.close(() -> {
            scope.close();
            if (ownsBackend) {
                backend.close();
            }
        });
    }
}
