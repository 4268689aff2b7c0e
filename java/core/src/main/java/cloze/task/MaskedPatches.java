package cloze.task;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.image.ImageBatch;
import cloze.image.ImageBatches;
import cloze.model.MaskedImageModel;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.train.Objective;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/** What a model of masked images learns by: patches of an image are hidden, their pixels are told from the others. */
public final class MaskedPatches implements Objective {
    /** Where batches come from: {@link ImageBatches#at}. */
    @FunctionalInterface
    public interface Source {
        ImageBatch at(long microBatch) throws IOException;
    }

    private final MaskedImageModel model;
    private final Parameters parameters;
    private final Source batches;
    private final int batch;
    private final long seed;
    private @Nullable Tensor ahead; // the patches of micro-batch aheadOf
    private long aheadOf;

    /**
     * Trains on batches.
     *
     * @param batch B of every batch
     * @param seed of the masks
     */
    public MaskedPatches(MaskedImageModel model, Parameters parameters, Source batches, int batch, long seed) {
        this.model = model;
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
            Tensor patches = ahead != null && aheadOf == microBatch
                    ? ahead
                    : model.patches(tape, batches.at(microBatch).pixels());
            return model.losses(tape, patches, model.mask(tape, batch, seed, microBatch))
                    .getFirst();
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    /** @throws UncheckedIOException if images can not be read */
    @Override
    public void prefetch(Backend backend, Scope scope, long microBatch) {
        try (Scope inner = scope.child("ahead")) {
            Tape tape = Tape.inference(backend, inner);
            Tensor patches = model.patches(tape, batches.at(microBatch).pixels());
            if (ahead == null) {
                ahead = scope.tensor("patches ahead", patches.shape(), patches.dtype());
            }
            backend.copy(patches, ahead);
            aheadOf = microBatch;
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
