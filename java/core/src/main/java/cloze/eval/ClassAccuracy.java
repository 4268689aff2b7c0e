package cloze.eval;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.image.Augmentation;
import cloze.image.ImageBatch;
import cloze.image.ImageBatches;
import cloze.image.ImageSet;
import cloze.image.Mixing;
import cloze.image.Unreadable;
import cloze.model.VitClassifier;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.train.Evaluation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The accuracy over all held-out images, each counted once: {@code val_loss} in nats, {@code val_accuracy} from 0 to 1,
 * and {@code val_top5} where there are more than five classes.
 */
public final class ClassAccuracy implements Evaluation {
    /** Name of the mean cross-entropy, in nats. */
    public static final String LOSS = "val_loss";

    /** Name of the share of images whose class is predicted right, from 0 to 1. */
    public static final String ACCURACY = "val_accuracy";

    private static final int BATCH = 100;
    private static final int TOP = 5;

    private final Backend backend;
    private final VitClassifier model;
    private final ImageSet images;
    private final Augmentation augmentation;
    private final int threads;
    private final Unreadable unreadable;

    /**
     * Evaluates on all images of a set.
     *
     * @param augmentation none, of the model's size
     * @param threads that read ahead
     */
    public ClassAccuracy(
            Backend backend,
            VitClassifier model,
            ImageSet images,
            Augmentation augmentation,
            int threads,
            Unreadable unreadable) {
        this.backend = backend;
        this.model = model;
        this.images = images;
        this.augmentation = augmentation;
        this.threads = threads;
        this.unreadable = unreadable;
    }

    /** @throws UncheckedIOException if images can not be read */
    @Override
    public Map<String, Double> evaluate() {
        int classes = model.config().classes();
        double loss = 0;
        int first = 0;
        int near = 0;
        int n = images.count();
        int b = Math.min(BATCH, n);
        try (var batches = new ImageBatches(images, augmentation, b, 0, threads, unreadable)) {
            for (int from = 0; from < n; from += b) {
                ImageBatch batch = batches.at(from / b);
                float[] rowLoss = new float[0];
                float[] logits;
                try (Scope scope = backend.memory().scope("evaluation")) {
                    Tape tape = Tape.inference(backend, scope);
                    Tensor made = model.logits(tape, model.patches(tape, batch.pixels()));
                    float[] targets = Mixing.NONE.apply(batch, augmentation.side(), classes, 0);
                    logits = backend.floats(made);
                    rowLoss = backend.floats(model.losses(tape, made, model.targets(tape, targets))
                            .get(1));
                }
                for (int i = 0; i < Math.min(b, n - from); i++) { // the last batch goes on from the start
                    int rank = rank(logits, i * classes, classes, batch.labels()[i]);
                    loss += rowLoss[i];
                    first += rank == 0 ? 1 : 0;
                    near += rank < TOP ? 1 : 0;
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
        var metrics = new LinkedHashMap<String, Double>();
        metrics.put(LOSS, loss / n);
        metrics.put(ACCURACY, (double) first / n);
        if (classes > TOP) {
            metrics.put("val_top5", (double) near / n);
        }
        return metrics;
    }

    /** The number of wrong classes with a probability at least that of the right one. */
    private static int rank(float[] logits, int from, int classes, int label) {
        int rank = 0;
        for (int c = 0; c < classes; c++) {
            rank += c != label && !(logits[from + c] < logits[from + label]) ? 1 : 0;
        }
        return rank;
    }
}
