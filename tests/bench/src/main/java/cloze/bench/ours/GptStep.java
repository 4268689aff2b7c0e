package cloze.bench.ours;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.bench.GptShape;
import cloze.bench.TokenBatch;
import cloze.bench.Weights;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.optim.Optimizer;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;

/** A step of {@link Gpt} in the make of GPT-2. */
public final class GptStep implements ClozeStep {
    private final Backend backend;
    private final Scope memory;
    private final Gpt model;
    private final Parameters parameters;
    private final Optimizer optimizer;
    private final Tensor ids; // [B, T]
    private final Tensor targets; // [B, T]
    private long step;

    public GptStep(Backend backend, GptShape shape) {
        this.backend = backend;
        memory = backend.memory().scope("gpt");
        Heads heads = Heads.of(shape.stack().heads(), shape.stack().headWidth());
        var config = new GptConfig(
                shape.vocabulary(),
                shape.tokens(),
                shape.stack().layers(),
                shape.stack().width(),
                heads,
                GptConfig.Style.GPT2,
                0);
        var built = Parameters.build(backend, memory, SEED, p -> new Gpt(config, p));
        model = built.model();
        parameters = built.parameters();
        optimizer = ADAM_W.create(backend, memory, parameters);
        var batch = new TokenBatch(shape);
        var places = new Shape(shape.batch(), shape.tokens());
        ids = backend.set(memory.tensor("ids", places, DType.I32), batch.ids());
        targets = backend.set(memory.tensor("targets", places, DType.I32), batch.targets());
    }

    @Override
    public float run() {
        try (Scope scope = backend.memory().scope("step")) {
            Tape tape = Tape.recording(backend, scope, SEED, step++);
            Tensor loss = model.loss(tape, ids, targets);
            parameters.accumulator().reset();
            tape.backward(loss, parameters.accumulator());
            parameters.accumulator().complete();
            optimizer.step(1, 1);
            return backend.scalar(loss);
        }
    }

    @Override
    public Weights weights() {
        return name -> backend.floats(parameters.named(name));
    }

    @Override
    public void close() {
        memory.close();
        backend.memory().trim();
    }
}
