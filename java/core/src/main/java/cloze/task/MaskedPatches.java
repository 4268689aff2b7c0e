package cloze.task;

import cloze.autograd.Tape;
import cloze.image.ImageBatch;
import cloze.image.ImageBatches;
import cloze.model.Mae;
import cloze.nn.Parameters;
import cloze.tensor.Tensor;
import cloze.train.Objective;
import java.io.IOException;
import java.io.UncheckedIOException;

/** What a masked autoencoder learns by: most patches of an image are hidden, their pixels are told from the others. */
public final class MaskedPatches implements Objective {
    /** Where batches come from: {@link ImageBatches#at}. */
    @FunctionalInterface
    public interface Source {
        ImageBatch at(long microBatch) throws IOException;
    }

    private final Mae mae;
    private final Parameters parameters;
    private final Source batches;
    private final int batch;
    private final long seed;

    /**
     * Trains on batches.
     *
     * @param batch B of every batch
     * @param seed of the masks
     */
    public MaskedPatches(Mae mae, Parameters parameters, Source batches, int batch, long seed) {
        this.mae = mae;
        this.parameters = parameters;
        this.batches = batches;
        this.batch = batch;
        this.seed = seed;
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    /** @throws UncheckedIOException if images can not be read */
    @Override
    public Tensor loss(Tape tape, long microBatch) {
        try {
            Tensor patches = mae.patches(tape, batches.at(microBatch).pixels());
            return mae.losses(tape, patches, mae.mask(tape, batch, seed, microBatch))
                    .getFirst();
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
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
