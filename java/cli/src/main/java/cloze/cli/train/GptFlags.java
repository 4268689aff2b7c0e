package cloze.cli.train;

import cloze.cli.Sizes;
import cloze.recipe.GptOptions;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of {@link GptOptions}; what is not given is the preset's. */
final class GptFlags {
    @Option(
            names = "--preset",
            paramLabel = "NAME",
            defaultValue = "nano",
            completionCandidates = PresetNames.class,
            description = "Model and recipe, one of ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private String preset = "nano";

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description = "Text: a file, a folder, - for standard input, or the name of an installed set"
                    + " (default: moby-dick, which is part of Cloze).")
    private @Nullable String data;

    @Option(
            names = "--column",
            paramLabel = "NAME",
            description = "Column of the text in tables (default: the only one).")
    private @Nullable String column;

    @Option(
            names = "--tokenizer",
            paramLabel = "PATH",
            description = "char, byte, bpe:N for one of N tokens learnt from the text, or a tokenizer.json"
                    + " (default: that of the preset).")
    private @Nullable String tokenizer;

    @Option(
            names = "--held-out",
            paramLabel = "SHARE",
            description = "Share of the text kept to evaluate on (default: 0.1).")
    private @Nullable Double heldOut;

    @Option(
            names = "--steps",
            paramLabel = "N",
            converter = Sizes.Count.class,
            description = "Steps of the whole run (default: that of the preset).")
    private @Nullable Long steps;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            converter = Sizes.Count.class,
            description = "Tokens to train on, in place of --steps, such as 10M.")
    private @Nullable Long tokens;

    @Option(names = "--context", paramLabel = "T", description = "Tokens in a window (default: that of the preset).")
    private @Nullable Integer context;

    @Option(names = "--batch", paramLabel = "B", description = "Windows in a batch (default: that of the preset).")
    private @Nullable Integer batch;

    @Option(
            names = "--micro-batches",
            paramLabel = "N",
            description = "Batches whose gradients are averaged in a step (default: that of the preset).")
    private @Nullable Integer microBatches;

    @Option(
            names = "--dropout",
            paramLabel = "SHARE",
            description = "Share that is dropped (default: that of the preset).")
    private @Nullable Double dropout;

    @Option(names = "--recompute", description = "Compute blocks again in the backward pass, to save memory.")
    private boolean recompute;

    @Option(names = "--optimizer", paramLabel = "NAME", description = "muon or adamw (default: that of the preset).")
    private @Nullable String optimizer;

    @Option(
            names = "--learning-rate",
            paramLabel = "X",
            description = "Peak learning rate of AdamW (default: that of the preset).")
    private @Nullable Double learningRate;

    @Option(
            names = "--schedule",
            paramLabel = "NAME",
            description = "cosine, linear, constant or wsd (default: that of the preset).")
    private @Nullable String schedule;

    @Option(names = "--warmup", paramLabel = "N", description = "Steps of warm-up (default: that of the preset).")
    private @Nullable Long warmup;

    @Option(names = "--clip", paramLabel = "X", description = "Longest gradient (default: that of the preset).")
    private @Nullable Double clip;

    @Option(
            names = "--ema",
            paramLabel = "DECAY",
            description = "Evaluate and save an average of the weights with this decay, 0 for none (default: 0).")
    private @Nullable Double ema;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of weights, order and dropout (default: 1337).")
    private @Nullable Long seed;

    @Mixin
    private WatchFlags watch = new WatchFlags();

    @Option(names = "--sample-every", paramLabel = "N", description = "Steps between samples, 0 for the end only.")
    private @Nullable Long sampleEvery;

    @Option(
            names = "--patience",
            paramLabel = "N",
            description = "End after so many evaluations without a new best, 0 for never (default: 0).")
    private @Nullable Integer patience;

    String preset() {
        return preset;
    }

    boolean hasBothBudgets() {
        return steps != null && tokens != null;
    }

    GptOptions options() {
        GptOptions o = GptOptions.of(preset);
        o = o.withText(text(o.text())).withSize(size(o.size())).withWatch(watch(o.watch()));
        if (steps != null) {
            o = o.withSteps(steps);
        }
        if (tokens != null) {
            o = o.withSteps(Math.max(1, Math.ceilDiv(tokens, o.tokensPerStep())));
        }
        if (!watch.saysWhenToEvaluate()) {
            o = o.withWatch(evaluatedFourTimes(o));
        }
        o = o.withDescent(descent(o.descent()));
        return seed == null ? o : o.withSeed(seed);
    }

    private GptOptions.Text text(GptOptions.Text usual) {
        return new GptOptions.Text(
                or(data, usual.data()),
                or(column, usual.column()),
                or(tokenizer, usual.tokenizer()),
                or(heldOut, usual.heldOut()));
    }

    private GptOptions.Size size(GptOptions.Size usual) {
        return new GptOptions.Size(
                or(context, usual.context()),
                or(batch, usual.batch()),
                or(microBatches, usual.microBatches()),
                or(dropout, usual.dropout()),
                recompute || usual.recompute());
    }

    private GptOptions.Descent descent(GptOptions.Descent usual) {
        return new GptOptions.Descent(
                usual.steps(),
                or(optimizer, usual.optimizer()),
                or(learningRate, usual.learningRate()),
                or(schedule, usual.schedule()),
                or(warmup, usual.warmup()),
                or(clip, usual.clip()),
                or(ema, usual.ema()));
    }

    private GptOptions.Watch watch(GptOptions.Watch usual) {
        return new GptOptions.Watch(
                watch.evaluateEvery(usual.evaluateEvery()),
                or(sampleEvery, usual.sampleEvery()),
                watch.checkpointEvery(usual.checkpointEvery()),
                usual.outlierZ(),
                or(patience, usual.patience()));
    }

    /** At least so often, also in a short run. */
    private static GptOptions.Watch evaluatedFourTimes(GptOptions o) {
        GptOptions.Watch usual = o.watch();
        long every = Math.min(usual.evaluateEvery(), Math.ceilDiv(o.descent().steps(), 4));
        return new GptOptions.Watch(
                every, usual.sampleEvery(), usual.checkpointEvery(), usual.outlierZ(), usual.patience());
    }

    private static <T> T or(@Nullable T given, T usual) {
        return given == null ? usual : given;
    }
}
