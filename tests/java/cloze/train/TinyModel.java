package cloze.train;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.nn.Init;
import cloze.nn.Linear;
import cloze.nn.Norm;
import cloze.nn.ParameterSource;
import cloze.nn.Parameters;
import cloze.nn.Role;
import cloze.op.Activation;
import cloze.op.Dropout;
import cloze.op.Embedding;
import cloze.op.SoftmaxCrossEntropy;
import cloze.optim.AdamW;
import cloze.optim.Schedule;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Map;
import java.util.SplittableRandom;

/** Learns {@code 3 id + 5 mod 17}: embedding, dropout, norm and a hidden layer. */
final class TinyModel implements Objective {
    static final int V = 17;
    private static final int D = 16;
    private static final int HIDDEN = 32;

    private final Parameters parameters;
    private final Layers layers;
    private final int batch;
    private final float dropout;

    private record Layers(Tensor table, Norm norm, Linear up, Linear down) {
        static Layers of(ParameterSource p) {
            return new Layers(
                    p.parameter("table", new Shape(V, D), Role.TABLE, Init.normal(0.5)),
                    Norm.of(p.in("norm"), Norm.Kind.LAYER, D, 1e-5f),
                    Linear.of(p.in("up"), D, HIDDEN, true, Init.normal(0.2)),
                    Linear.of(p.in("down"), HIDDEN, V, true, Init.normal(0.2)));
        }
    }

    private TinyModel(Parameters.Built<Layers> built, int batch, float dropout) {
        parameters = built.parameters();
        layers = built.model();
        this.batch = batch;
        this.dropout = dropout;
    }

    static TinyModel on(Backend backend, Scope scope, int batch, float dropout) {
        return new TinyModel(Parameters.build(backend, scope, 3, Layers::of), batch, dropout);
    }

    static TinyModel on(Backend backend, Scope scope) {
        return on(backend, scope, 8, 0.1f);
    }

    static Backend cpu(int threads) {
        return Backends.open("cpu", BackendOptions.DEFAULT.withThreads(threads));
    }

    static TrainingConfig config(long steps) {
        return TrainingConfig.of(steps, AdamW.Config.gpt3(0.01), new Schedule.Cosine(Math.min(5, steps), steps, 0.1))
                .withSeed(11);
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    @Override
    public Tensor loss(Tape tape, long microBatch) {
        var random = new SplittableRandom(microBatch);
        int[] ids = random.ints(batch, 0, V).toArray();
        int[] targets = new int[batch];
        for (int i = 0; i < batch; i++) {
            targets[i] = (3 * ids[i] + 5) % V;
        }
        return loss(tape, ids, targets);
    }

    private Tensor loss(Tape tape, int[] ids, int[] targets) {
        Backend backend = tape.backend();
        Tensor x = backend.set(tape.scope().tensor("ids", new Shape(ids.length, 1), DType.I32), ids);
        Tensor y = backend.set(tape.scope().tensor("targets", new Shape(ids.length, 1), DType.I32), targets);
        Tensor embedded = tape.apply(new Embedding(x, layers.table(), null, null));
        Tensor kept = tape.apply(new Dropout(embedded, tape.dropout(dropout)));
        Tensor h = layers.norm().forward(tape, new Norm.Residual(kept, null)).y();
        Tensor logits = layers.down().forward(tape, layers.up().forward(tape, h, Activation.GELU_TANH));
        return tape.apply(new SoftmaxCrossEntropy(logits, y));
    }

    Map<String, Double> evaluate(Backend backend) {
        return Map.of("loss", loss(backend));
    }

    /** The loss over all ids. */
    double loss(Backend backend) {
        int[] ids = new int[V];
        int[] targets = new int[V];
        for (int i = 0; i < V; i++) {
            ids[i] = i;
            targets[i] = (3 * i + 5) % V;
        }
        try (Scope scope = backend.memory().scope("evaluation")) {
            Tensor loss = loss(Tape.inference(backend, scope), ids, targets);
            return backend.scalar(loss);
        }
    }

    @Override
    public long unitsPerMicroBatch() {
        return batch;
    }

    @Override
    public String unit() {
        return "ids";
    }
}
