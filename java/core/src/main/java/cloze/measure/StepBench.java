package cloze.measure;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.optim.AdamW;
import cloze.optim.Schedule;
import cloze.tensor.OutOfMemoryException;
import cloze.tensor.Scope;
import cloze.train.Objective;
import cloze.train.Trainer;
import cloze.train.TrainingConfig;
import cloze.train.TrainingHooks;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Measures whole training steps, as the training loop runs them: batch, forward, backward, clipping, AdamW, loss. */
public final class StepBench {
    /** Warm-up steps: kernels are loaded, memory is mapped, kernels are chosen. */
    private static final int WARM_UP = 3;

    private static final int LEAST_STEPS = 3;
    private static final int MOST_STEPS = 1000;

    private final Backend backend;
    private final Ceilings ceilings;
    private final double seconds;

    /**
     * The result of a measurement.
     *
     * @param units tokens or images of a step
     * @param bytes the most that tensors took on the device
     * @param losses of all steps
     */
    public record Result(Line line, long units, String unit, long bytes, List<Double> losses) {
        public double unitsPerSecond() {
            return units / line.seconds();
        }
    }

    /** @param seconds to spend on each model, after the warm-up */
    public StepBench(Backend backend, Ceilings ceilings, double seconds) {
        this.backend = backend;
        this.ceilings = ceilings;
        this.seconds = seconds;
    }

    /** Trains for a while. A model that fails, for example for lack of memory, gives a line with the failure. */
    public Result run(StepCase<?, ?> step) throws IOException {
        String dtype = backend.precision().toString();
        try (Scope scope = backend.memory().scope(step.name())) {
            Objective objective = step.objective(backend, scope);
            var times = new ArrayList<Double>();
            var losses = new ArrayList<Double>();
            train(objective, times, losses);
            double median = Stopwatch.median(times.stream()
                    .skip(WARM_UP)
                    .mapToDouble(Double::doubleValue)
                    .toArray());
            Cost cost = Cost.ofFlops(step.flops());
            var line = new Line(
                    step.name(), "step", step.shape(), dtype, median, cost, ceilings.share(cost, median), null);
            return new Result(
                    line,
                    objective.unitsPerMicroBatch(),
                    objective.unit(),
                    backend.memory().peakBytes(),
                    losses);
        } catch (BackendException | OutOfMemoryException e) {
            return new Result(Line.failed(step.name(), "step", step.shape(), dtype, e), 0, "", 0, List.of());
        } finally {
            backend.memory().trim();
        }
    }

    private void train(Objective objective, List<Double> times, List<Double> losses) throws IOException {
        var config = TrainingConfig.of(MOST_STEPS, AdamW.Config.gpt3(1e-4), new Schedule.Constant(1));
        var trainers = new ArrayList<Trainer>();
        TrainingHooks hooks = TrainingHooks.NONE.withListener(event -> {
            if (event instanceof TrainingEvent.Step done) {
                losses.add(done.loss());
                times.add(done.seconds()
                        - times.stream().mapToDouble(Double::doubleValue).sum());
                double counted = times.stream()
                        .skip(WARM_UP)
                        .mapToDouble(Double::doubleValue)
                        .sum();
                if (times.size() >= WARM_UP + LEAST_STEPS && counted >= seconds) {
                    trainers.getFirst().requestStop();
                }
            }
        });
        var trainer = new Trainer(backend, objective, config, hooks, null);
        trainers.add(trainer);
        trainer.run();
    }
}
