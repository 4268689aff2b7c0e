package cloze.train;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.io.BatchSource;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Batches of a source on the device of a tape. One batch can be copied ahead of its step; its tensors then keep their
 * addresses from step to step.
 */
public final class DeviceBatches<B> implements AutoCloseable {
    /** Copies a batch to the device. */
    @FunctionalInterface
    public interface Upload<B> {
        /** The tensors of a batch, in the scope of the tape. */
        List<Tensor> tensors(Tape tape, B batch, long index);
    }

    private final BatchSource<B> source;
    private final Upload<B> upload;
    private final List<Tensor> ahead = new ArrayList<>();
    private long aheadOf = -1;

    /** @param source closed with this */
    public DeviceBatches(BatchSource<B> source, Upload<B> upload) {
        this.source = source;
        this.upload = upload;
    }

    /** @throws UncheckedIOException if the data can not be read */
    public List<Tensor> at(Tape tape, long index) {
        return aheadOf == index ? ahead : uploaded(tape, index);
    }

    /**
     * Copies a batch to the device ahead of its step.
     *
     * @param scope outlives the step in which the batch is used
     * @throws UncheckedIOException if the data can not be read
     */
    public void prefetch(Backend backend, Scope scope, long index) {
        try (Scope inner = scope.child("ahead")) {
            List<Tensor> batch = uploaded(Tape.inference(backend, inner), index);
            if (ahead.isEmpty()) {
                batch.forEach(t -> ahead.add(scope.tensor(t.name() + " ahead", t.shape(), t.dtype())));
            }
            for (int i = 0; i < batch.size(); i++) {
                backend.copy(batch.get(i), ahead.get(i));
            }
            aheadOf = index;
        }
    }

    private List<Tensor> uploaded(Tape tape, long index) {
        try {
            return upload.tensors(tape, source.at(index), index);
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        source.close();
    }
}
