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
import org.jspecify.annotations.Nullable;

/** One step: the gradients of its micro-batches, and the update. */
final class TrainingStep {
    /** @param gradientNorm of the mean gradient, before clipping */
    record Outcome(double loss, double gradientNorm) {
        boolean finite() {
            return Double.isFinite(loss) && Double.isFinite(gradientNorm);
        }
    }

    private static final Shape SCALAR = new Shape(1);

    private final Backend backend;
    private final Scope lasting;
    private final Objective objective;
    private final TrainingConfig config;
    private final Parameters parameters;
    private final Optimizer optimizer;
    private final @Nullable Ema ema;

    /** @param scope owns moments, average and data that come ahead of their step */
    TrainingStep(Backend backend, Scope scope, Objective objective, TrainingConfig config) {
        this.backend = backend;
        lasting = scope;
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

    /**
     * Sums the gradients of step 0, 1, ... The losses and the norm stay on the device until the whole step is on its way, so
     * that the host waits for it once.
     */
    Outcome accumulate(long step) {
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
            try (Scope scope = backend.memory().scope("step again")) {
                Tensor loss = scope.tensor("loss", SCALAR, DType.F32);
                for (int i = 0; i < config.microBatches(); i++) {
                    accumulate(checked, "micro-batch again", microBatch(step, i), loss);
                }
            }
        })));
    }
}
