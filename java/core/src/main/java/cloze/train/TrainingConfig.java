package cloze.train;

import cloze.optim.Optimizer;
import cloze.optim.Schedule;
import java.util.Locale;

/**
 * The plan of the training loop: {@link Settings} whose length is in steps, with an optimiser and a schedule.
 *
 * @param steps of the whole run
 * @param microBatches batches whose gradients are averaged in a step
 * @param seed of dropout
 */
public record TrainingConfig(long steps, int microBatches, long seed, Update update, Guards guards, Cadence cadence) {
    /**
     * Clipping and averaging of the weights.
     *
     * @param clip longest gradient, over all parameters; 0 for any length
     * @param emaDecay of the average of the weights, which is then evaluated and saved as the model; 0 for none
     */
    public record Update(Optimizer.Config optimizer, Schedule schedule, double clip, double emaDecay) {
        public Update {
            require("clip", "at least 0", clip, clip >= 0);
            require("emaDecay", "in [0, 1)", emaDecay, emaDecay >= 0 && emaDecay < 1);
        }
    }

    public TrainingConfig {
        require("steps", "at least 0", steps, steps >= 0);
        require("microBatches", "at least 1", microBatches, microBatches >= 1);
    }

    /** Clips at 1, one micro-batch a step; evaluates, samples and saves only at the end. */
    public static TrainingConfig of(long steps, Optimizer.Config optimizer, Schedule schedule) {
        return new TrainingConfig(steps, 1, 0, new Update(optimizer, schedule, 1, 0), Guards.NONE, Cadence.END);
    }

    public TrainingConfig withSteps(long changed) {
        return new TrainingConfig(changed, microBatches, seed, update, guards, cadence);
    }

    public TrainingConfig withMicroBatches(int changed) {
        return new TrainingConfig(steps, changed, seed, update, guards, cadence);
    }

    public TrainingConfig withSeed(long changed) {
        return new TrainingConfig(steps, microBatches, changed, update, guards, cadence);
    }

    public TrainingConfig withClip(double clip) {
        var changed = new Update(update.optimizer(), update.schedule(), clip, update.emaDecay());
        return new TrainingConfig(steps, microBatches, seed, changed, guards, cadence);
    }

    public TrainingConfig withEma(double decay) {
        var changed = new Update(update.optimizer(), update.schedule(), update.clip(), decay);
        return new TrainingConfig(steps, microBatches, seed, changed, guards, cadence);
    }

    public TrainingConfig withGuards(Guards changed) {
        return new TrainingConfig(steps, microBatches, seed, update, changed, cadence);
    }

    public TrainingConfig withCadence(Cadence changed) {
        return new TrainingConfig(steps, microBatches, seed, update, guards, changed);
    }

    static void require(String name, String expected, Object actual, boolean holds) {
        if (!holds) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "TrainingConfig: %s must be %s, but is %s", name, expected, actual));
        }
    }
}
