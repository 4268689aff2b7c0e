package cloze.task;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.image.ImageBatch;
import cloze.io.BatchSource;
import cloze.model.MaskedImageModel;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.train.DeviceBatches;
import cloze.train.Objective;
import java.util.List;

/** Predicts the pixels of hidden patches from the other patches of an image. */
public final class MaskedPatches implements Objective {
    private final MaskedImageModel model;
    private final Parameters parameters;
    private final DeviceBatches<ImageBatch> batches;
    private final int batch;
    private final long seed;

    /**
     * Trains on batches of images.
     *
     * @param source closed with this
     * @param batch B of every batch
     * @param seed of the masks
     */
    public MaskedPatches(
            Parameters.Built<? extends MaskedImageModel> built, BatchSource<ImageBatch> source, int batch, long seed) {
        model = built.model();
        parameters = built.parameters();
        this.batch = batch;
        this.seed = seed;
        batches = new DeviceBatches<>(source, (tape, images, _) -> List.of(model.patches(tape, images.pixels())));
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    @Override
    public Tensor loss(Tape tape, long microBatch) {
        Tensor patches = batches.at(tape, microBatch).getFirst();
        return model.losses(tape, patches, model.mask(tape, batch, seed, microBatch))
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
