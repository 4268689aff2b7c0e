package cloze.bench.ours;

import cloze.backend.Backend;
import cloze.bench.OpShape;
import cloze.bench.OpSide;
import cloze.bench.Samples;
import cloze.nn.Init;
import cloze.nn.Parameters;
import cloze.nn.Role;
import cloze.optim.AdamW;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;

/** An update of one long parameter. */
final class AdamWSide implements OpSide {
    private static final int ROW = 64;

    private final Backend backend;
    private final Scope memory;
    private final Tensor weight;
    private final Parameters parameters;
    private final AdamW optimizer;

    AdamWSide(Backend backend, OpShape.AdamW shape) {
        this.backend = backend;
        memory = backend.memory().scope("adam_w");
        var rows = new Shape(shape.parameters() / ROW, ROW);
        var built = Parameters.build(backend, memory, 1, p -> p.parameter("weight", rows, Role.MATRIX, Init.zeros()));
        weight = built.model();
        parameters = built.parameters();
        optimizer = ClozeStep.ADAM_W.create(backend, memory, parameters);
        var samples = new Samples(1);
        backend.set(weight, samples.normal(shape.parameters(), 1));
        backend.set(parameters.gradient(weight), samples.normal(shape.parameters(), 1));
    }

    @Override
    public void forward() {
        optimizer.step(1, 1);
    }

    @Override
    public void backward() {
        // an update has none
    }

    @Override
    public float[] value() {
        return backend.floats(weight);
    }

    @Override
    public float[] gradient() {
        return backend.floats(parameters.gradient(weight));
    }

    @Override
    public void clear() {
        // updates in place
    }

    @Override
    public void close() {
        memory.close();
        backend.memory().trim();
    }
}
