package cloze.train;

import cloze.optim.Optimizer;
import cloze.optim.Schedule;

/**
 * How to train.
 *
 * @param steps of the whole run
 * @param microBatches whose gradients are averaged in a step
 * @param seed of dropout
 */
public record TrainingConfig(
        long steps, int microBatches, long seed, Optimization optimization, Guards guards, Cadence cadence) {
    /**
     * How gradients change the weights.
     *
     * @param clip longest gradient, over all parameters; infinite for no limit
     * @param emaDecay of the average of the weights, which is then what is evaluated and saved as the model; 0 for none
     */
    public record Optimization(Optimizer.Config optimizer, Schedule schedule, double clip, double emaDecay) {
        public Optimization {
            require("clip", "more than 0", clip, clip > 0);
            require("emaDecay", "in [0, 1)", emaDecay, emaDecay >= 0 && emaDecay < 1);
        }
    }

    public TrainingConfig {
        require("steps", "at least 0", steps, steps >= 0);
        require("microBatches", "at least 1", microBatches, microBatches >= 1);
    }

    /** Clips at 1, one micro-batch a step; evaluates, samples and saves only at the end. */
    public static TrainingConfig of(long steps, Optimizer.Config optimizer, Schedule schedule) {
        var optimization = new Optimization(optimizer, schedule, 1, 0);
        return new TrainingConfig(steps, 1, 0, optimization, Guards.NONE, Cadence.END);
    }

    public TrainingConfig withSteps(long changed) {
        return new TrainingConfig(changed, microBatches, seed, optimization, guards, cadence);
    }

    public TrainingConfig withMicroBatches(int changed) {
        return new TrainingConfig(steps, changed, seed, optimization, guards, cadence);
    }

    public TrainingConfig withSeed(long changed) {
        return new TrainingConfig(steps, microBatches, changed, optimization, guards, cadence);
    }

    public TrainingConfig withClip(double clip) {
        var changed =
                new Optimization(optimization.optimizer(), optimization.schedule(), clip, optimization.emaDecay());
        return new TrainingConfig(steps, microBatches, seed, changed, guards, cadence);
    }

    public TrainingConfig withEma(double decay) {
        var changed = new Optimization(optimization.optimizer(), optimization.schedule(), optimization.clip(), decay);
        return new TrainingConfig(steps, microBatches, seed, changed, guards, cadence);
    }

    public TrainingConfig withGuards(Guards changed) {
        return new TrainingConfig(steps, microBatches, seed, optimization, changed, cadence);
    }

    public TrainingConfig withCadence(Cadence changed) {
        return new TrainingConfig(steps, microBatches, seed, optimization, guards, changed);
    }

    static void require(String name, String expected, Object actual, boolean holds) {
        if (!holds) {
            throw new IllegalArgumentException(
                    "TrainingConfig: %s must be %s, but is %s".formatted(name, expected, actual));
        }
    }
}
