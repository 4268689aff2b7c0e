package cloze.task;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.model.Gpt;
import cloze.nn.Parameters;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.text.TokenBatches;
import cloze.text.Tokens;
import cloze.train.Objective;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What a language model learns by: the next token is hidden, those before it are seen. */
public final class NextToken implements Objective {
    private final Gpt gpt;
    private final Parameters parameters;
    private final TokenBatches batches;
    private final Shape shape;
    private final MemorySegment ids;
    private final MemorySegment targets;

    /**
     * Trains on windows of {@code tokens}, each epoch in an order of its own.
     *
     * @param batch B
     * @param time T, at most the model's context
     * @param seed of the order
     */
    public NextToken(Gpt gpt, Parameters parameters, Tokens tokens, int batch, int time, long seed) {
        if (time > gpt.config().context()) {
            throw new IllegalArgumentException("a window of %d tokens does not fit the model's context of %d"
                    .formatted(time, gpt.config().context()));
        }
        this.gpt = gpt;
        this.parameters = parameters;
        batches = new TokenBatches(tokens, batch, time, seed);
        shape = new Shape(batch, time);
        Arena arena = Arena.ofAuto();
        ids = arena.allocate(shape.size() * Integer.BYTES, Long.BYTES);
        targets = arena.allocate(shape.size() * Integer.BYTES, Long.BYTES);
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    @Override
    public Tensor loss(Tape tape, long microBatch) {
        batches.seek(microBatch);
        batches.next(ids, targets);
        Tensor x = upload(tape.backend(), tape.scope(), "ids", ids);
        return gpt.loss(tape, x, upload(tape.backend(), tape.scope(), "targets", targets));
    }

    private Tensor upload(Backend backend, Scope scope, String name, MemorySegment host) {
        Tensor tensor = scope.tensor(name, shape, DType.I32);
        backend.upload(host, tensor);
        return tensor;
    }

    @Override
    public long unitsPerMicroBatch() {
        return shape.size();
    }

    @Override
    public String unit() {
        return "tokens";
    }
}
