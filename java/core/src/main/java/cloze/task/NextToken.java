package cloze.task;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.io.BatchSource;
import cloze.model.CausalModel;
import cloze.nn.Parameters;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.text.TokenBatch;
import cloze.train.DeviceBatches;
import cloze.train.Objective;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;

/** Predicts the next token from those before it. */
public final class NextToken implements Objective {
    private final CausalModel model;
    private final Parameters parameters;
    private final DeviceBatches<TokenBatch> batches;
    private final Shape shape;

    /**
     * Trains on windows of tokens.
     *
     * @param source closed with this
     * @param batch B of every batch
     * @param time T of every batch, at most the model's context
     */
    public NextToken(
            Parameters.Built<? extends CausalModel> built, BatchSource<TokenBatch> source, int batch, int time) {
        model = built.model();
        parameters = built.parameters();
        if (time > model.context()) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "a window of %d tokens does not fit the model's context of %d",
                    time,
                    model.context()));
        }
        shape = new Shape(batch, time);
        batches = new DeviceBatches<>(source, this::upload);
    }

    private List<Tensor> upload(Tape tape, TokenBatch batch, long index) {
        return List.of(upload(tape, "ids", batch.ids()), upload(tape, "targets", batch.targets()));
    }

    private Tensor upload(Tape tape, String name, MemorySegment host) {
        Tensor tensor = tape.scope().tensor(name, shape, DType.I32);
        tape.backend().upload(host, tensor);
        return tensor;
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    @Override
    public Tensor loss(Tape tape, long microBatch) {
        List<Tensor> batch = batches.at(tape, microBatch);
        return model.losses(tape, batch.getFirst(), batch.getLast()).getFirst();
    }

    @Override
    public void prefetch(Backend backend, Scope scope, long microBatch) {
        batches.prefetch(backend, scope, microBatch);
    }

    @Override
    public long unitsPerMicroBatch() {
        return shape.size();
    }

    @Override
    public String unit() {
        return "tokens";
    }

    @Override
    public void close() {
        batches.close();
    }
}
