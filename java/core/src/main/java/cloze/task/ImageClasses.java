package cloze.task;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.image.ImageBatch;
import cloze.image.Mixing;
import cloze.image.RandomErasing;
import cloze.io.BatchSource;
import cloze.model.VitClassifier;
import cloze.nn.Parameters;
import cloze.stat.Permutation;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.train.DeviceBatches;
import cloze.train.Objective;
import java.util.List;

/** Predicts the classes of images, of which parts are erased and which are mixed with others. */
public final class ImageClasses implements Objective {
    private static final long MIXES = 0x4d4958; // separate from the draws for single images

    private final VitClassifier model;
    private final Parameters parameters;
    private final DeviceBatches<ImageBatch> batches;
    private final int batch;
    private final Disturbance disturbance;
    private final long seed;

    /** Augmentation of training images, besides that of the source. */
    public record Disturbance(RandomErasing erasing, Mixing mixing) {
        /** Nothing. */
        public static final Disturbance NONE = new Disturbance(new RandomErasing(0), Mixing.NONE);
    }

    /**
     * Trains on batches of images.
     *
     * @param source of images that all have a class; its batches are changed; closed with this
     * @param batch B of every batch
     * @param seed of the disturbance
     */
    public ImageClasses(
            Parameters.Built<VitClassifier> built,
            BatchSource<ImageBatch> source,
            int batch,
            Disturbance disturbance,
            long seed) {
        model = built.model();
        parameters = built.parameters();
        this.batch = batch;
        this.disturbance = disturbance;
        this.seed = seed;
        batches = new DeviceBatches<>(source, this::upload);
    }

    private List<Tensor> upload(Tape tape, ImageBatch images, long index) {
        float[] targets = disturb(images, index);
        return List.of(model.patches(tape, images.pixels()), model.targets(tape, targets));
    }

    /** @return the targets, [B, V] */
    private float[] disturb(ImageBatch images, long microBatch) {
        int side = model.config().encoder().image();
        int channels = model.config().encoder().channels();
        long key = Permutation.mix(seed ^ Permutation.mix(MIXES + microBatch));
        for (int b = 0; b < images.count(); b++) {
            disturbance
                    .erasing()
                    .apply(images.pixels(), b * side * side * channels, side, channels, Permutation.mix(key + 1 + b));
        }
        return disturbance.mixing().apply(images, side, model.config().classes(), key);
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    @Override
    public Tensor loss(Tape tape, long microBatch) {
        List<Tensor> inputs = batches.at(tape, microBatch);
        return model.losses(tape, model.logits(tape, inputs.getFirst()), inputs.getLast())
                .getFirst();
    }

    @Override
    public void prefetch(Backend backend, Scope scope, long microBatch) {
        batches.prefetch(backend, scope, microBatch);
    }

    @Override
    public long unitsPerMicroBatch() {
        return batch;
    }

    @Override
    public String unit() {
        return "images";
    }

    @Override
    public void close() {
        batches.close();
    }
}
