package cloze.bench.ours;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.bench.ImageSamples;
import cloze.bench.MaeShape;
import cloze.bench.Weights;
import cloze.model.Mae;
import cloze.nn.Parameters;
import cloze.optim.Optimizer;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;

/** A step of {@link Mae}: from images and noise, by way of patches and a mask, to its loss. */
public final class MaeStep implements ClozeStep {
    private final Backend backend;
    private final Scope memory;
    private final Mae model;
    private final Parameters parameters;
    private final Optimizer optimizer;
    private final float[] images; // [B, side, side, C]
    private final float[] noise; // [B, N]
    private long step;

    public MaeStep(Backend backend, MaeShape shape) {
        this.backend = backend;
        memory = backend.memory().scope("mae");
        var built = Parameters.build(backend, memory, SEED, p -> new Mae(shape.config(), p));
        model = built.model();
        parameters = built.parameters();
        optimizer = ADAM_W.create(backend, memory, parameters);
        var samples = new ImageSamples(shape);
        images = samples.images();
        noise = samples.noise();
    }

    @Override
    public float run() {
        return run(images);
    }

    /** On other images, [B, side, side, C]. */
    public float run(float[] batch) {
        try (Scope scope = backend.memory().scope("step")) {
            Tape tape = Tape.recording(backend, scope, SEED, step++);
            Tensor patches = model.patches(tape, batch);
            Tensor loss = model.losses(tape, patches, model.mask(tape, noise)).getFirst();
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
