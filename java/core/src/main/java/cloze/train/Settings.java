package cloze.train;

import cloze.backend.Precision;
import cloze.optim.AdamW;
import cloze.optim.Muon;
import cloze.optim.Optimizer;
import cloze.optim.Schedule;
import cloze.setting.Schema;
import cloze.setting.Setting;
import java.util.Locale;

/**
 * The settings of a training run, for every recipe.
 *
 * @param precision of the backend that the run was started on
 */
public record Settings(
        Length length,
        Batch batch,
        Optimization optimization,
        Cadence cadence,
        Guards guards,
        Precision precision,

        @Setting("Seed of all that is random: weights, order, augmentation, masks, dropout.")
        long seed) {
    /** The length of a run; exactly one of the three is above 0. */
    public record Length(
            @Setting(value = "Steps of the whole run.", min = 0, group = "length")
            long steps,

            @Setting(value = "Epochs of the whole run, in place of --steps.", min = 0, group = "length")
            double epochs,

            @Setting(value = "Tokens of the whole run, in place of --steps, such as 10M.", min = 0, group = "length")
            long tokens) {
        public Length {
            Schema.check(Length.class, steps, epochs, tokens);
            int given = (steps > 0 ? 1 : 0) + (epochs > 0 ? 1 : 0) + (tokens > 0 ? 1 : 0);
            if (given != 1) {
                throw new IllegalArgumentException(String.format(
                        Locale.ROOT,
                        "one of steps, epochs and tokens must be above 0, but they are %d, %s and %d",
                        steps,
                        epochs,
                        tokens));
            }
        }
    }

    /** The examples of a step, and how they are split. */
    public record Batch(
            @Setting(value = "Examples in a batch.", flag = "batch", label = "B", min = 1)
            int size,

            @Setting(value = "Batches whose gradients are averaged in a step.", min = 1)
            int microBatches,

            @Setting("Compute blocks again in the backward pass, to save memory.")
            boolean recompute) {
        public Batch {
            Schema.check(Batch.class, size, microBatches, recompute);
        }
    }

    /** The algorithm that changes the weights. */
    public enum Algorithm {
        /** Adam with decoupled weight decay. */
        ADAMW,
        /** Muon for the matrices, AdamW for the rest. */
        MUON
    }

    /** The learning rate schedule after the warm-up. */
    public enum Curve {
        /** Half a cosine down to the final rate. */
        COSINE,
        /** A straight line down to 0. */
        LINEAR,
        CONSTANT,
        /** Warm-up, stable, decay: the last fifth of the steps goes down to 0. */
        WSD
    }

    /**
     * The settings of the optimiser.
     *
     * @param rateBatch batch size for which the learning rate is given; scaled linearly to that of the run; 0 for no scaling
     * @param finalRate share of the peak at which a cosine ends
     */
    public record Optimization(
            @Setting(value = "Algorithm: AdamW, or Muon for the matrices and AdamW for the rest.")
            Algorithm optimizer,

            @Setting(value = "Peak learning rate of AdamW.", alias = "base-learning-rate", above = 0)
            double learningRate,

            @Setting(
                    value = "Examples of a step that the learning rate is meant for; it is scaled to those of"
                            + " the run. 0 for no scaling.",
                    min = 0)
            int rateBatch,

            @Setting("Learning rate after the warm-up; wsd is constant, then falls over the last fifth.")
            Curve schedule,

            @Setting(value = "Steps of warm-up; below 1 the share of all steps.", min = 0)
            double warmup,

            @Setting(value = "Share of the peak learning rate at which a cosine ends.", min = 0, max = 1)
            double finalRate,

            @Setting(value = "Decay of AdamW's mean of squares.", min = 0, below = 1)
            double beta2,

            @Setting(value = "Weight decay of matrices and tables.", min = 0)
            double weightDecay,

            @Setting(
                    value = "Factor of the learning rate from each layer to the one below, 1 for the same"
                            + " everywhere.",
                    above = 0,
                    max = 1)
            double layerDecay,

            @Setting(value = "Largest gradient norm, 0 for no clipping.", min = 0)
            double clip,

            @Setting(
                    value = "Decay of the average of the weights that is evaluated and saved, 0 for none.",
                    min = 0,
                    below = 1)
            double ema) {
        /** AdamW at 1e-3 with a cosine to 0, gradients clipped at 1. */
        public static final Optimization DEFAULT =
                new Optimization(Algorithm.ADAMW, 1e-3, 0, Curve.COSINE, 0.05, 0, 0.999, 0.05, 1, 1, 0);

        public Optimization {
            Schema.check(
                    Optimization.class,
                    optimizer,
                    learningRate,
                    rateBatch,
                    schedule,
                    warmup,
                    finalRate,
                    beta2,
                    weightDecay,
                    layerDecay,
                    clip,
                    ema);
        }
    }

    /** 1000 steps of 64 examples by {@link Optimization#DEFAULT}. */
    public static final Settings DEFAULT = new Settings(
            new Length(1000, 0, 0),
            new Batch(64, 1, false),
            Optimization.DEFAULT,
            new Cadence(250, 250, 250, 300, false),
            Guards.NONE,
            Precision.FP32,
            1337);

    /**
     * The same for this many steps; the warm-up of a preset is at most a tenth of it, and there are four evaluations.
     */
    public Settings withSteps(long steps) {
        Settings s = with("length", new Length(steps, 0, 0));
        if (optimization.warmup >= 1) {
            long tenth = steps / 10;
            s = s.withWarmup(Math.min(optimization.warmup, (double) tenth));
        }
        return cadence.evaluateEvery() == 0
                ? s
                : s.with("cadence.evaluateEvery", Math.min(cadence.evaluateEvery(), Math.ceilDiv(steps, 4L)));
    }

    /** The same for this many epochs. */
    public Settings withEpochs(double epochs) {
        return with("length.epochs", epochs);
    }

    public Settings withBatch(int size, int microBatches) {
        return with("batch", new Batch(size, microBatches, batch.recompute));
    }

    public Settings withOptimizer(Algorithm algorithm) {
        return with("optimization.optimizer", algorithm);
    }

    public Settings withLearningRate(double peak) {
        return with("optimization.learningRate", peak);
    }

    /** @param examples of a step that the learning rate is meant for */
    public Settings withRateBatch(int examples) {
        return with("optimization.rateBatch", examples);
    }

    public Settings withWarmup(double stepsOrShare) {
        return with("optimization.warmup", stepsOrShare);
    }

    public Settings withFinalRate(double share) {
        return with("optimization.finalRate", share);
    }

    public Settings withBeta2(double decay) {
        return with("optimization.beta2", decay);
    }

    public Settings withWeightDecay(double decay) {
        return with("optimization.weightDecay", decay);
    }

    public Settings withLayerDecay(double factor) {
        return with("optimization.layerDecay", factor);
    }

    /** @param norm largest norm of a gradient, 0 for no clipping */
    public Settings withClip(double norm) {
        return with("optimization.clip", norm);
    }

    public Settings withEma(double decay) {
        return with("optimization.ema", decay);
    }

    public Settings withCadence(Cadence changed) {
        return with("cadence", changed);
    }

    public Settings withGuards(Guards changed) {
        return with("guards", changed);
    }

    public Settings withPrecision(Precision changed) {
        return with("precision", changed);
    }

    public Settings withSeed(long changed) {
        return with("seed", changed);
    }

    private Settings with(String path, Object value) {
        return Schema.with(this, path, value);
    }

    /**
     * A copy with the length converted to steps.
     *
     * @param examples of an epoch
     * @param tokens of an example; 0 if examples are no rows of tokens
     * @throws IllegalArgumentException if the length is in tokens, and there are none
     */
    public Settings inSteps(long examples, long tokens) {
        if (length.steps > 0) {
            return this;
        }
        if (length.epochs > 0) {
            return withSteps(Math.max(1, Math.round(length.epochs * examples / examplesPerStep())));
        }
        if (tokens == 0) {
            throw new IllegalArgumentException("a length in tokens is for text alone: use steps or epochs");
        }
        return withSteps(Math.max(1, Math.ceilDiv(length.tokens, tokens * examplesPerStep())));
    }

    public long examplesPerStep() {
        return (long) batch.size * batch.microBatches;
    }

    /** The peak learning rate, scaled to the batch of this run. */
    public double peakLearningRate() {
        return optimization.rateBatch == 0
                ? optimization.learningRate
                : optimization.learningRate * examplesPerStep() / optimization.rateBatch;
    }

    /** AdamW with these numbers, for all parameters alike. */
    public AdamW.Config adamW() {
        return new AdamW.Config(peakLearningRate(), 0.9, optimization.beta2, 1e-8, optimization.weightDecay, true);
    }

    /** The learning-rate schedule; the length must be in steps. */
    public Schedule schedule() {
        long steps = length.steps;
        long warmup = Math.round(optimization.warmup < 1 ? optimization.warmup * steps : optimization.warmup);
        return switch (optimization.schedule) {
            case CONSTANT -> new Schedule.Constant(warmup);
            case LINEAR -> new Schedule.Linear(warmup, steps, 0);
            case WSD -> new Schedule.WarmupStableDecay(warmup, steps, 0.2, 0);
            case COSINE -> new Schedule.Cosine(warmup, steps, optimization.finalRate);
        };
    }

    /** The configuration of the training loop; the length must be in steps. */
    public TrainingConfig training() {
        return training(optimization.optimizer == Algorithm.MUON ? Muon.Config.of(adamW()) : adamW());
    }

    /** The configuration of the training loop with another optimiser. */
    public TrainingConfig training(Optimizer.Config optimizer) {
        var update = new TrainingConfig.Update(optimizer, schedule(), optimization.clip, optimization.ema);
        return new TrainingConfig(length.steps, batch.microBatches, seed, update, guards, cadence);
    }
}
