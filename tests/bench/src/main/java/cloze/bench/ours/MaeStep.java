package cloze.bench.ours;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.bench.MaeShape;
import cloze.bench.PatchBatch;
import cloze.bench.Weights;
import cloze.nn.Parameters;
import cloze.optim.Optimizer;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;

/**
 * A step of {@link MaeModel}. Its loss, the mean squared error of the hidden patches, and that loss's gradient are
 * computed on the host: there is no op for them.
 */
public final class MaeStep implements ClozeStep {
    private final Backend backend;
    private final MaeShape shape;
    private final Scope memory;
    private final MaeModel model;
    private final Parameters parameters;
    private final Optimizer optimizer;
    private final MaeModel.Inputs inputs;
    private final float[] pixels; // [B, N, P P C]
    private final float[] hidden; // [B, N]
    private long step;

    public MaeStep(Backend backend, MaeShape shape) {
        this.backend = backend;
        this.shape = shape;
        memory = backend.memory().scope("mae");
        var built = Parameters.build(backend, memory, SEED, p -> new MaeModel(shape, p));
        model = built.model();
        parameters = built.parameters();
        optimizer = ADAM_W.create(backend, memory, parameters);
        var batch = new PatchBatch(shape);
        pixels = batch.patches();
        hidden = batch.hidden();
        int b = shape.batch();
        int n = shape.patches();
        inputs = new MaeModel.Inputs(
                floats("patches", pixels, b, n, shape.pixels()),
                floats("positions", batch.encoderPositions(), n, shape.encoder().width()),
                floats(
                        "decoder positions",
                        batch.decoderPositions(),
                        n + 1,
                        shape.decoder().width()),
                ids("kept", batch.kept(), b, shape.kept()),
                ids("with class", withClass(), b, shape.kept() + 1),
                ids("restore", restore(batch.ranks()), b, n + 1));
    }

    private Tensor floats(String name, float[] values, int... extents) {
        return backend.set(memory.tensor(name, new Shape(extents), DType.F32), values);
    }

    private Tensor ids(String name, int[] values, int... extents) {
        return backend.set(memory.tensor(name, new Shape(extents), DType.I32), values);
    }

    private int[] withClass() {
        int m = shape.kept();
        var ids = new int[shape.batch() * (m + 1)];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = i % (m + 1) == 0 ? m : i % (m + 1) - 1;
        }
        return ids;
    }

    private int[] restore(int[] ranks) {
        int n = shape.patches();
        var ids = new int[shape.batch() * (n + 1)];
        for (int i = 0; i < ranks.length; i++) {
            ids[i / n * (n + 1) + 1 + i % n] = ranks[i] + 1;
        }
        return ids;
    }

    @Override
    public float run() {
        try (Scope scope = backend.memory().scope("step")) {
            Tape tape = Tape.recording(backend, scope, SEED, step++);
            Tensor predicted = model.predict(tape, inputs);
            float[] gradient = backend.floats(predicted);
            float loss = loss(gradient);
            Tensor dpredicted = backend.set(scope.tensor("dpredicted", predicted.shape(), DType.F32), gradient);
            parameters.accumulator().reset();
            tape.backward(predicted, dpredicted, new Gradients(backend, scope, parameters.accumulator()));
            parameters.accumulator().complete();
            optimizer.step(1, 1);
            return loss;
        }
    }

    /** The loss of predictions [B, N + 1, P P C], which it replaces by its gradient. */
    private float loss(float[] predicted) {
        int n = shape.patches();
        int p = shape.pixels();
        float scale = 1f / (shape.batch() * (n - shape.kept()) * p);
        double sum = 0;
        for (int token = 0; token < shape.batch() * (n + 1); token++) {
            int patch = token / (n + 1) * n + token % (n + 1) - 1;
            float weight = token % (n + 1) == 0 ? 0 : hidden[patch] * scale;
            for (int i = 0; i < p; i++) {
                float difference = weight == 0 ? 0 : predicted[token * p + i] - pixels[patch * p + i];
                sum += weight * difference * difference;
                predicted[token * p + i] = 2 * weight * difference;
            }
        }
        return (float) sum;
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
