package cloze.serve;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.checkpoint.CheckpointException;
import cloze.image.Augmentation;
import cloze.image.Normalization;
import cloze.image.Picture;
import cloze.model.VitClassifier;
import cloze.recipe.Models;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A fine-tuned classifier for applications: predicts classes of images. Thread-safe: one loaded classifier serves any number
 * of threads at a time.
 *
 * <pre>
 * try (ImageClassifier classifier = ImageClassifier.load(Path.of("runs/finetuned"))) {
 *     Picture picture = ImageCodec.installed().decode("cat.jpg", Files.readAllBytes(Path.of("cat.jpg")));
 *     classifier.classify(List.of(picture), 3).getFirst(); // the three likeliest classes, the likeliest first
 * }
 * </pre>
 */
public final class ImageClassifier implements AutoCloseable {
    /** Images that are computed together. */
    private static final int BATCH = 32;

    /** @param probability from 0 to 1 */
    public record Guess(String name, double probability) {}

    private final Backend backend;
    private final boolean ownsBackend;
    private final Scope scope;
    private final VitClassifier model;
    private final List<String> classes;
    private final Augmentation view;
    private final Lifetime lifetime;

    private ImageClassifier(Backend backend, boolean ownsBackend, Path folder) throws IOException {
        this.backend = backend;
        this.ownsBackend = ownsBackend;
        scope = backend.memory().scope(folder.toString());
        lifetime = new Lifetime("ImageClassifier " + folder);
        try {
            Models.Loaded<VitClassifier> loaded = Models.classifier(folder, backend, scope);
            model = loaded.model();
            classes = loaded.companions().classes();
            Normalization normalization = loaded.companions().normalization(folder);
            view = Augmentation.none(model.config().encoder().image(), normalization);
            if (classes.size() != model.config().classes()) {
                throw new CheckpointException(
                        folder.resolve("config.json"),
                        "classes",
                        model.config().classes() + " names",
                        "" + classes.size());
            }
        } catch (IOException | RuntimeException e) {
            scope.close();
            throw e;
        }
    }

    /**
     * Loads a run folder of {@code cloze finetune} onto the CPU.
     *
     * @throws IOException naming the file and what is wrong with it
     */
    public static ImageClassifier load(Path folder) throws IOException {
        Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
        try {
            return new ImageClassifier(backend, true, folder);
        } catch (IOException | RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    /** Loads onto a device that the caller opened, and closes. */
    public static ImageClassifier load(Path folder, Backend backend) throws IOException {
        return new ImageClassifier(backend, false, folder);
    }

    /** Names of all classes. */
    public List<String> classes() {
        return classes;
    }

    /**
     * The likeliest classes of each picture, of any size. They do not depend on the other pictures.
     *
     * @param top number of guesses, at most the number of classes
     */
    public List<List<Guess>> classify(List<Picture> pictures, int top) {
        return lifetime.call(() -> guesses(pictures, top));
    }

    private List<List<Guess>> guesses(List<Picture> pictures, int top) {
        List<List<Guess>> all = new ArrayList<>();
        for (int from = 0; from < pictures.size(); from += BATCH) {
            List<Picture> some = pictures.subList(from, Math.min(pictures.size(), from + BATCH));
            float[] logits = logits(some);
            for (int i = 0; i < some.size(); i++) {
                all.add(guesses(logits, i * classes.size(), top));
            }
        }
        return all;
    }

    /** [B, V] */
    private float[] logits(List<Picture> pictures) {
        float[] pixels = new float[pictures.size() * view.size()];
        for (int i = 0; i < pictures.size(); i++) {
            view.apply(pictures.get(i), 0, pixels, i * view.size());
        }
        try (Scope step = backend.memory().scope("classify")) {
            Tape tape = Tape.inference(backend, step);
            return backend.floats(model.logits(tape, model.patches(tape, pixels)));
        }
    }

    private List<Guess> guesses(float[] logits, int from, int top) {
        double most = Double.NEGATIVE_INFINITY;
        for (int c = 0; c < classes.size(); c++) {
            most = Math.max(most, logits[from + c]);
        }
        double sum = 0;
        for (int c = 0; c < classes.size(); c++) {
            sum += Math.exp(logits[from + c] - most);
        }
        double highest = most;
        double total = sum;
        return IntStream.range(0, classes.size())
                .mapToObj(c -> new Guess(classes.get(c), Math.exp(logits[from + c] - highest) / total))
                .sorted(Comparator.comparingDouble(Guess::probability).reversed())
                .limit(top)
                .toList();
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
