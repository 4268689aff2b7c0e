package cloze.train;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.optim.Ema;
import cloze.optim.GradientNorm;
import cloze.optim.Optimizer;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/** Steps by a tape: the mean gradient of the micro-batches, clipped, then the optimiser and the average of the weights. */
public final class TapeStep implements Step {
    private static final Shape SCALAR = new Shape(1);

    private final Backend backend;
    private final Scope lasting;
    private final Objective objective;
    private final TrainingConfig config;
    private final Parameters parameters;
    private final Optimizer optimizer;
    private final @Nullable Ema ema;

    /** @param scope owns moments, average and prefetched data */
    public TapeStep(Backend backend, Scope scope, Objective objective, TrainingConfig config) {
        this.backend = backend;
        lasting = scope;
        this.objective = objective;
        this.config = config;
        parameters = objective.parameters();
        TrainingConfig.Update update = config.update();
        optimizer = update.optimizer().create(backend, scope, parameters);
        ema = update.emaDecay() > 0 ? new Ema(backend, scope, parameters, update.emaDecay()) : null;
    }

    /** The parameters, with the gradients that {@link #compute} leaves. */
    public Parameters parameters() {
        return parameters;
    }

    Optimizer optimizer() {
        return optimizer;
    }

    @Nullable
    Ema ema() {
        return ema;
    }

    /** Leaves the losses and the norm on the device until all of the step is queued, so that the host waits once. */
    @Override
    public Outcome compute(long step) {
        int count = config.microBatches();
        parameters.accumulator().reset();
        try (Scope scope = backend.memory().scope("step")) {
            Tensor numbers = scope.tensor("losses and norm", new Shape(count + 1), DType.F32);
            for (int i = 0; i < count; i++) {
                // those after the first add to the gradients
                String what = i == 0 ? "first micro-batch" : "micro-batch";
                accumulate(backend, what, microBatch(step, i), scope.slice(numbers, i, "loss", SCALAR, false));
            }
            parameters.accumulator().complete();
            GradientNorm.squared(backend, parameters.gradients(), scope.slice(numbers, count, "norm", SCALAR, false));
            if (step + 1 < config.steps()) {
                objective.prefetch(backend, lasting, microBatch(step + 1, 0));
            }
            float[] values = backend.floats(numbers);
            double loss = 0;
            for (int i = 0; i < count; i++) {
                loss += values[i];
            }
            return new Outcome(loss / count, Math.sqrt(values[count]) / count);
        }
    }

    private void accumulate(Backend with, String what, long microBatch, Tensor to) {
        try (Scope scope = backend.memory().scope("micro-batch " + microBatch)) {
            Tensor loss;
            try (Backend.Repeated _ = with.repeated(what)) {
                Tape tape = Tape.recording(with, scope, config.seed(), microBatch);
                loss = objective.loss(tape, microBatch);
                tape.backward(loss, parameters.accumulator());
            }
            with.copy(loss, to);
        }
    }

    private long microBatch(long step, int i) {
        return Math.addExact(Math.multiplyExact(step, (long) config.microBatches()), i);
    }

    @Override
    public void update(long step, Outcome outcome) {
        double longest = config.update().clip();
        double clip = longest == 0 ? 1 : GradientNorm.clip(outcome.gradientNorm(), longest);
        optimizer.step(config.update().schedule().factor(step), clip / config.microBatches());
        parameters.refresh();
        if (ema != null) {
            ema.update();
        }
    }

    @Override
    public double learningRate(long step) {
        return config.update().optimizer().learningRate()
                * config.update().schedule().factor(step);
    }

    @Override
    public long units() {
        return objective.unitsPerMicroBatch() * config.microBatches();
    }

    @Override
    public String unit() {
        return objective.unit();
    }

    @Override
    public void whileAveraged(Runnable work) {
        if (ema == null) {
            work.run();
        } else {
            ema.during(work);
        }
    }

    @Override
    public SequencedMap<String, Tensor> model() {
        return ema != null ? new LinkedHashMap<>(ema.averages()) : weights("");
    }

    @Override
    public SequencedMap<String, Tensor> state() {
        SequencedMap<String, Tensor> state = ema != null ? weights("weights/") : new LinkedHashMap<>();
        state.putAll(optimizer.state());
        return state;
    }

    private SequencedMap<String, Tensor> weights(String prefix) {
        var weights = new LinkedHashMap<String, Tensor>();
        parameters.tensors().forEach(p -> weights.put(prefix + p.name(), p));
        return weights;
    }

    @Override
    public long updates() {
        return optimizer.updates();
    }

    @Override
    public void resumeAt(long updates) {
        parameters.refresh();
        optimizer.resumeAt(updates);
    }

    @Override
    public Map<String, String> identity() {
        var identity = new LinkedHashMap<String, String>();
        identity.put("seed", "" + config.seed());
        identity.put("micro_batches", "" + config.microBatches());
        identity.put("units_per_micro_batch", "" + objective.unitsPerMicroBatch());
        identity.put("optimizer", config.update().optimizer().getClass().getName());
        return identity;
    }

    /** Computes the step again and looks at every value. */
    @Override
    public NonFiniteException explain(long step, Outcome outcome) {
        var search = new NonFiniteSearch(backend, parameters);
        String what = Double.isFinite(outcome.loss())
                ? "gradient norm is " + outcome.gradientNorm()
                : "loss is " + outcome.loss();
        return new NonFiniteException(String.format(
                Locale.ROOT, "step %d: %s; %s", step + 1, what, search.find(checked -> {
                    parameters.accumulator().reset();
                    try (Scope scope = backend.memory().scope("step again")) {
                        Tensor loss = scope.tensor("loss", SCALAR, DType.F32);
                        for (int i = 0; i < config.microBatches(); i++) {
                            accumulate(checked, "micro-batch again", microBatch(step, i), loss);
                        }
                    }
                })));
    }
}
