package cloze.train;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.optim.Ema;
import cloze.optim.GradientNorm;
import cloze.optim.Optimizer;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** One step: the gradients of its micro-batches, and the update. */
final class TrainingStep {
    /** @param gradientNorm of the mean gradient, before clipping */
    record Outcome(double loss, double gradientNorm) {
        boolean finite() {
            return Double.isFinite(loss) && Double.isFinite(gradientNorm);
        }
    }

    private final Backend backend;
    private final Objective objective;
    private final TrainingConfig config;
    private final Parameters parameters;
    private final Optimizer optimizer;
    private final @Nullable Ema ema;

    /** @param scope owns moments and average */
    TrainingStep(Backend backend, Scope scope, Objective objective, TrainingConfig config) {
        this.backend = backend;
        this.objective = objective;
        this.config = config;
        parameters = objective.parameters();
        TrainingConfig.Optimization optimization = config.optimization();
        optimizer = optimization.optimizer().create(backend, scope, parameters);
        ema = optimization.emaDecay() > 0 ? new Ema(backend, scope, parameters, optimization.emaDecay()) : null;
    }

    Objective objective() {
        return objective;
    }

    Parameters parameters() {
        return parameters;
    }

    Optimizer optimizer() {
        return optimizer;
    }

    @Nullable
    Ema ema() {
        return ema;
    }

    /** Sums the gradients of step 0, 1, ... */
    Outcome accumulate(long step) {
        parameters.accumulator().reset();
        double loss = 0;
        for (int i = 0; i < config.microBatches(); i++) {
            loss += accumulate(backend, microBatch(step, i));
        }
        parameters.accumulator().complete();
        double norm = GradientNorm.of(backend, parameters.gradients());
        return new Outcome(loss / config.microBatches(), norm / config.microBatches());
    }

    private double accumulate(Backend with, long microBatch) {
        try (Scope scope = backend.memory().scope("micro-batch " + microBatch)) {
            Tape tape = Tape.recording(with, scope, config.seed(), microBatch);
            Tensor loss = objective.loss(tape, microBatch);
            tape.backward(loss, parameters.accumulator());
            return backend.scalar(loss);
        }
    }

    private long microBatch(long step, int i) {
        return Math.addExact(Math.multiplyExact(step, (long) config.microBatches()), i);
    }

    /** Updates the weights by the gradients that {@link #accumulate} left. */
    void update(long step, Outcome outcome) {
        double clip =
                GradientNorm.clip(outcome.gradientNorm(), config.optimization().clip());
        optimizer.step(rateFactor(step), clip / config.microBatches());
        parameters.refresh();
        if (ema != null) {
            ema.update();
        }
    }

    double rateFactor(long step) {
        return config.optimization().schedule().factor(step);
    }

    /** The exception for a step whose outcome is not finite: does it again, looking at every value. */
    NonFiniteException explain(long step, Outcome outcome) {
        var search = new NonFiniteSearch(backend, parameters);
        String what = Double.isFinite(outcome.loss())
                ? "gradient norm is " + outcome.gradientNorm()
                : "loss is " + outcome.loss();
        return new NonFiniteException("step %d: %s; %s".formatted(step + 1, what, search.find(checked -> {
            parameters.accumulator().reset();
            for (int i = 0; i < config.microBatches(); i++) {
                accumulate(checked, microBatch(step, i));
            }
        })));
    }
}
