package cloze.task;

import cloze.autograd.Tape;
import cloze.image.ImageBatch;
import cloze.image.Mixing;
import cloze.image.RandomErasing;
import cloze.model.VitClassifier;
import cloze.nn.Parameters;
import cloze.stat.Permutation;
import cloze.tensor.Tensor;
import cloze.train.Objective;
import java.io.IOException;
import java.io.UncheckedIOException;

/** What a classifier learns by: the classes of images, of which parts are erased and which are mixed with others. */
public final class ImageClasses implements Objective {
    private static final long MIXES = 0x4d4958; // apart from what is drawn for single images

    private final Parameters.Built<VitClassifier> built;
    private final MaskedPatches.Source batches;
    private final int batch;
    private final Disturbance disturbance;
    private final long seed;

    /** What is done to images before they are learnt from, besides what the batches bring. */
    public record Disturbance(RandomErasing erasing, Mixing mixing) {
        /** Nothing. */
        public static final Disturbance NONE = new Disturbance(new RandomErasing(0), Mixing.NONE);
    }

    /**
     * Trains on batches.
     *
     * @param batches of images that all have a class; they are changed
     * @param batch B of every batch
     * @param seed of what is disturbed
     */
    public ImageClasses(
            Parameters.Built<VitClassifier> built,
            MaskedPatches.Source batches,
            int batch,
            Disturbance disturbance,
            long seed) {
        this.built = built;
        this.batches = batches;
        this.batch = batch;
        this.disturbance = disturbance;
        this.seed = seed;
    }

    @Override
    public Parameters parameters() {
        return built.parameters();
    }

    /** @throws UncheckedIOException if images can not be read */
    @Override
    public Tensor loss(Tape tape, long microBatch) {
        try {
            ImageBatch images = batches.at(microBatch);
            float[] targets = disturb(images, microBatch);
            VitClassifier model = built.model();
            Tensor logits = model.logits(tape, model.patches(tape, images.pixels()));
            return model.losses(tape, logits, targets).getFirst();
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    /** @return the targets, [B, V] */
    private float[] disturb(ImageBatch images, long microBatch) {
        int side = built.model().config().encoder().image();
        int channels = built.model().config().encoder().channels();
        long key = Permutation.mix(seed ^ Permutation.mix(MIXES + microBatch));
        for (int b = 0; b < images.count(); b++) {
            disturbance
                    .erasing()
                    .apply(images.pixels(), b * side * side * channels, side, channels, Permutation.mix(key + 1 + b));
        }
        return disturbance.mixing().apply(images, side, built.model().config().classes(), key);
    }

    @Override
    public long unitsPerMicroBatch() {
        return batch;
    }

    @Override
    public String unit() {
        return "images";
    }
}
