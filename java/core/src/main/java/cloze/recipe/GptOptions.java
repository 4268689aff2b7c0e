package cloze.recipe;

import cloze.model.GptConfig;
import cloze.optim.AdamW;
import cloze.optim.Muon;
import cloze.optim.Optimizer;
import cloze.optim.Schedule;
import cloze.text.TextData;
import cloze.train.Cadence;
import cloze.train.Guards;
import cloze.train.TrainingConfig;
import java.util.List;

/**
 * All that decides a pre-training run of a GPT; {@code config.json} of its folder holds it.
 *
 * @param preset of {@link GptConfig}
 * @param text what it is trained on
 * @param size of model and batch, where they are not the preset's
 * @param descent how the loss is brought down
 * @param watch what is done besides, and when
 * @param seed of weights, order and dropout
 */
public record GptOptions(String preset, Text text, Size size, Descent descent, Watch watch, long seed) {
    /**
     * What is trained on.
     *
     * @param data a file, a folder, "-", or a name: {@link TextData}
     * @param column of tables, empty for the only one of text
     * @param tokenizer "char", "byte", "bpe:N" for one of N tokens that is trained on the data, or a tokenizer.json
     * @param heldOut share of the text that is kept for evaluation
     */
    public record Text(String data, String column, String tokenizer, double heldOut) {}

    /**
     * Sizes.
     *
     * @param context T
     * @param batch B
     * @param microBatches whose gradients are averaged in a step
     * @param recompute whether blocks are computed again in the backward pass, to save memory
     */
    public record Size(int context, int batch, int microBatches, double dropout, boolean recompute) {}

    /**
     * How the loss is brought down.
     *
     * @param optimizer "adamw", or "muon" for the matrices and AdamW for the rest
     * @param learningRate peak, of AdamW
     * @param schedule "constant", "linear", "cosine" or "wsd"
     * @param warmup steps
     * @param clip longest gradient
     * @param ema decay of the average of the weights that is evaluated and saved, 0 for none
     */
    public record Descent(
            long steps, String optimizer, double learningRate, String schedule, long warmup, double clip, double ema) {}

    /**
     * What is done besides, in steps; 0 for at the end only.
     *
     * @param outlierZ steps so many standard deviations out are skipped, 0 for none
     * @param patience evaluations without a new best before the run ends, 0 for any number
     */
    public record Watch(long evaluateEvery, long sampleEvery, long checkpointEvery, double outlierZ, int patience) {}

    /** The text in the jar. */
    public static final String EMBEDDED = "moby-dick";

    public static final List<String> OPTIMIZERS = List.of("muon", "adamw");
    public static final List<String> SCHEDULES = List.of("cosine", "linear", "constant", "wsd");

    public GptOptions {
        requireOneOf("optimizer", descent.optimizer(), OPTIMIZERS);
        requireOneOf("schedule", descent.schedule(), SCHEDULES);
        require("steps", "1 or more", descent.steps(), descent.steps() >= 1);
        require("learning rate", "more than 0", descent.learningRate(), descent.learningRate() > 0);
        require("context", "1 or more", size.context(), size.context() >= 1);
        require("batch", "1 or more", size.batch(), size.batch() >= 1);
        require("held-out share", "in (0, 1)", text.heldOut(), text.heldOut() > 0 && text.heldOut() < 1);
    }

    private static void requireOneOf(String what, String value, List<String> known) {
        if (!known.contains(value)) {
            throw new IllegalArgumentException(
                    "%s must be one of %s, but it is '%s'".formatted(what, String.join(", ", known), value));
        }
    }

    private static void require(String what, String expected, Object actual, boolean holds) {
        if (!holds) {
            throw new IllegalArgumentException("%s must be %s, but it is %s".formatted(what, expected, actual));
        }
    }

    /**
     * What a preset is usually trained with: nano on the embedded text in a few minutes on two cores, nanoGPT's two
     * Shakespeare models as there, and the larger ones as GPT-2 and GPT-3 were.
     */
    public static GptOptions of(String preset) {
        GptConfig c = GptConfig.preset(preset);
        return switch (preset) {
            case "nano" ->
                new GptOptions(
                        preset,
                        new Text(EMBEDDED, "", "char", 0.1),
                        new Size(c.context(), 12, 1, 0, false),
                        new Descent(2000, "muon", 2e-3, "cosine", 100, 1, 0),
                        new Watch(250, 500, 250, 7, 0),
                        1337);
            case "baby", "nanogpt-cpu" -> {
                boolean baby = preset.equals("baby");
                yield new GptOptions(
                        preset,
                        new Text(EMBEDDED, "", "char", 0.1),
                        new Size(c.context(), baby ? 64 : 12, 1, c.dropout(), false),
                        new Descent(baby ? 5000 : 2000, "adamw", 1e-3, "cosine", 100, 1, 0),
                        new Watch(250, 500, 250, 0, 0),
                        1337);
            }
            default ->
                new GptOptions(
                        preset,
                        new Text(EMBEDDED, "", "bpe:" + c.vocabulary(), 0.1),
                        new Size(c.context(), 4, 128, 0, false),
                        new Descent(600_000, "adamw", 6e-4, "cosine", 2000, 1, 0),
                        new Watch(1000, 1000, 1000, 7, 0),
                        1337);
        };
    }

    public GptOptions withText(Text changed) {
        return new GptOptions(preset, changed, size, descent, watch, seed);
    }

    public GptOptions withSize(Size changed) {
        return new GptOptions(preset, text, changed, descent, watch, seed);
    }

    public GptOptions withDescent(Descent changed) {
        return new GptOptions(preset, text, size, changed, watch, seed);
    }

    public GptOptions withWatch(Watch changed) {
        return new GptOptions(preset, text, size, descent, changed, seed);
    }

    public GptOptions withSeed(long changed) {
        return new GptOptions(preset, text, size, descent, watch, changed);
    }

    /** The run of so many steps; the warm-up is at most a tenth of it. */
    public GptOptions withSteps(long steps) {
        long warmup = Math.min(descent.warmup(), steps / 10);
        return withDescent(new Descent(
                steps,
                descent.optimizer(),
                descent.learningRate(),
                descent.schedule(),
                warmup,
                descent.clip(),
                descent.ema()));
    }

    /** Tokens of a step. */
    public long tokensPerStep() {
        return (long) size.context() * size.batch() * size.microBatches();
    }

    /** The model, for a vocabulary. */
    public GptConfig model(int vocabulary) {
        return GptConfig.preset(preset)
                .withVocabulary(vocabulary)
                .withContext(size.context())
                .withDropout((float) size.dropout());
    }

    TrainingConfig training() {
        var guards = new Guards(
                watch.outlierZ() == 0 ? Double.POSITIVE_INFINITY : watch.outlierZ(),
                watch.patience() == 0 ? null : new Guards.EarlyStopping("val_loss", true, watch.patience()));
        var optimization = new TrainingConfig.Optimization(optimizer(), schedule(), descent.clip(), descent.ema());
        var cadence = new Cadence(watch.evaluateEvery(), watch.sampleEvery(), watch.checkpointEvery(), 300);
        return new TrainingConfig(descent.steps(), size.microBatches(), seed, optimization, guards, cadence);
    }

    private Optimizer.Config optimizer() {
        boolean small = preset.equals("nano") || preset.equals("baby") || preset.equals("nanogpt-cpu");
        var adamW = new AdamW.Config(descent.learningRate(), 0.9, small ? 0.99 : 0.95, 1e-8, 0.1, true);
        return descent.optimizer().equals("muon") ? Muon.Config.of(adamW) : adamW;
    }

    private Schedule schedule() {
        long steps = descent.steps();
        long warmup = descent.warmup();
        return switch (descent.schedule()) {
            case "constant" -> new Schedule.Constant(warmup);
            case "linear" -> new Schedule.Linear(warmup, steps, 0);
            case "wsd" -> new Schedule.WarmupStableDecay(warmup, steps, 0.2, 0);
            default -> new Schedule.Cosine(warmup, steps, 0.1);
        };
    }
}
