package cloze.cli.train;

import cloze.cli.Sizes;
import cloze.model.MaeConfig;
import cloze.recipe.MaeOptions;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of {@link MaeOptions}; what is not given is the preset's. */
final class MaeFlags {
    /** For the help of {@code --preset}. */
    static final class Presets extends ArrayList<String> {
        private static final long serialVersionUID = 1L;

        Presets() {
            super(MaeConfig.presetNames());
        }
    }

    @Option(
            names = "--preset",
            paramLabel = "NAME",
            defaultValue = "vit-tiny-32",
            completionCandidates = Presets.class,
            description = "Model and recipe, one of ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private String preset = "vit-tiny-32";

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description =
                    "Images: a folder (sub-folders are classes), a list of files, IDX, .tar, .parquet, or the name of"
                            + " an installed set such as fashion-mnist or cifar-10 (default: fashion-mnist).")
    private @Nullable String data;

    @Mixin
    private ImageLoadingFlags loading = new ImageLoadingFlags();

    @Option(
            names = "--least-area",
            paramLabel = "SHARE",
            description = "Least share of an image that a random part of it has, 1 for no random part (default: 0.2).")
    private @Nullable Double leastArea;

    @Option(names = "--image", paramLabel = "SIDE", description = "Pixels of a side (default: that of the preset).")
    private @Nullable Integer image;

    @Option(
            names = "--patch",
            paramLabel = "P",
            description = "Pixels of a patch's side (default: that of the preset).")
    private @Nullable Integer patch;

    @Option(
            names = "--channels",
            paramLabel = "C",
            description = "1 for grey, 3 for colour (default: as the images are).")
    private @Nullable Integer channels;

    @Option(
            names = "--mask-ratio",
            paramLabel = "SHARE",
            description = "Share of the patches that is hidden, 0 to 0.95 (default: that of the preset, 0.75).")
    private @Nullable Double ratio;

    @Option(
            names = "--simmim",
            description =
                    "Train a SimMIM with the preset's encoder: squares of 2 x 2 patches are hidden behind mask tokens"
                            + " (--mask-ratio is 0.6 by default), one linear layer predicts their pixels.")
    private boolean simMim;

    @Option(
            names = "--raw-pixels",
            description = "Predict pixels as they are, not normalised over each patch: better to look at.")
    private boolean rawPixels;

    @Option(
            names = "--steps",
            paramLabel = "N",
            converter = Sizes.Count.class,
            description = "Steps of the whole run (default: that of the preset).")
    private @Nullable Long steps;

    @Option(names = "--epochs", paramLabel = "N", description = "Epochs of the whole run, in place of --steps.")
    private @Nullable Double epochs;

    @Option(names = "--batch", paramLabel = "B", description = "Images in a batch (default: that of the preset).")
    private @Nullable Integer batch;

    @Option(
            names = "--micro-batches",
            paramLabel = "N",
            description = "Batches whose gradients are averaged in a step (default: that of the preset).")
    private @Nullable Integer microBatches;

    @Option(
            names = "--base-learning-rate",
            paramLabel = "X",
            description = "Peak learning rate for 256 images a step (default: that of the preset).")
    private @Nullable Double learningRate;

    @Option(names = "--warmup", paramLabel = "N", description = "Steps of warm-up (default: that of the preset).")
    private @Nullable Long warmup;

    @Option(names = "--weight-decay", paramLabel = "X", description = "Decay of matrices (default: 0.05).")
    private @Nullable Double weightDecay;

    @Option(
            names = "--clip",
            paramLabel = "X",
            description = "Longest gradient, 0 for any (default: that of the preset).")
    private @Nullable Double clip;

    @Option(
            names = "--ema",
            paramLabel = "DECAY",
            description = "Evaluate and save an average of the weights with this decay, 0 for none (default: 0).")
    private @Nullable Double ema;

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "Seed of weights, order, augmentation and masks (default: 1337).")
    private @Nullable Long seed;

    @Mixin
    private WatchFlags watch = new WatchFlags();

    @Option(
            names = "--picture-every",
            paramLabel = "N",
            description = "Steps between pictures of what is filled in, 0 for the end only.")
    private @Nullable Long pictureEvery;

    @Option(
            names = "--probe",
            description = "Fit a linear probe of the encoder at each evaluation, where the images have classes.")
    private boolean probe;

    String preset() {
        return preset;
    }

    boolean hasBothBudgets() {
        return steps != null && epochs != null;
    }

    MaeOptions options() {
        MaeOptions o = simMim ? MaeOptions.of(preset).withSimMim() : MaeOptions.of(preset);
        o = o.withImages(images(o.images())).withSize(size(o.size())).withWatch(watch(o.watch()));
        if (steps != null) {
            o = o.withSteps(steps);
        }
        o = o.withDescent(descent(o.descent()));
        return seed == null ? o : o.withSeed(seed);
    }

    private MaeOptions.Images images(MaeOptions.Images usual) {
        return new MaeOptions.Images(
                or(data, usual.data()),
                loading.heldOut(usual.heldOut()),
                or(leastArea, usual.leastArea()),
                loading.flip(usual.flip()),
                usual.strict() || loading.strict(),
                loading.threads(usual.threads()));
    }

    private MaeOptions.Size size(MaeOptions.Size usual) {
        return new MaeOptions.Size(
                or(image, usual.image()),
                or(patch, usual.patch()),
                or(channels, usual.channels()),
                or(batch, usual.batch()),
                or(microBatches, usual.microBatches()),
                or(ratio, usual.ratio()),
                usual.normalize() && !rawPixels);
    }

    private MaeOptions.Descent descent(MaeOptions.Descent usual) {
        return new MaeOptions.Descent(
                epochs == null ? usual.steps() : 0,
                epochs == null ? usual.epochs() : epochs,
                or(learningRate, usual.baseLearningRate()),
                or(warmup, usual.warmup()),
                or(weightDecay, usual.weightDecay()),
                or(clip, usual.clip()),
                or(ema, usual.ema()));
    }

    private MaeOptions.Watch watch(MaeOptions.Watch usual) {
        return new MaeOptions.Watch(
                watch.evaluateEvery(usual.evaluateEvery()),
                or(pictureEvery, usual.pictureEvery()),
                watch.checkpointEvery(usual.checkpointEvery()),
                usual.outlierZ(),
                usual.probe() || probe);
    }

    private static <T> T or(@Nullable T given, T usual) {
        return given == null ? usual : given;
    }
}
