package cloze.cli.train;

import cloze.cli.Sizes;
import cloze.model.VitClassifierConfig;
import cloze.recipe.FinetuneOptions;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of {@link FinetuneOptions}; what is not given is usual for the size of the encoder's images. */
final class FinetuneFlags {
    private static final String ALL = "all";

    @Option(
            names = "--from-scratch",
            description = "Begin with random weights in a network of the checkpoint's sizes, to compare with.")
    private boolean scratch;

    @Option(
            names = "--pool",
            paramLabel = "TOKENS",
            description = "What the head sees, the mean of the patches or the class_token (default: mean).")
    private VitClassifierConfig.@Nullable Pool pool;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description =
                    "Images with classes: a folder (sub-folders are classes), a list of files, .parquet, .tar, or the"
                            + " name of an installed set such as fashion-mnist or cifar-10 (default: cifar-10).")
    private @Nullable String data;

    @Mixin
    private ImageLoadingFlags loading = new ImageLoadingFlags();

    @Option(
            names = "--labels-per-class",
            paramLabel = "N",
            split = ",",
            description =
                    "Learn from so many images of each class, such as 10,50,250,all: each for several seeds and beside"
                            + " the same network from random weights (default: one run on all images).")
    private List<String> labels = List.of();

    @Option(
            names = "--seeds",
            paramLabel = "N",
            description = "Runs for each of --labels-per-class, with other images and weights (default: 3).")
    private @Nullable Integer seeds;

    @Option(
            names = "--image",
            paramLabel = "SIDE",
            description = "Pixels of a side (default: those of the checkpoint).")
    private @Nullable Integer image;

    @Option(
            names = "--least-area",
            paramLabel = "SHARE",
            description = "Least share of an image that a random part of it has, 1 for no random part.")
    private @Nullable Double leastArea;

    @Option(
            names = "--erase",
            paramLabel = "SHARE",
            description = "Share of the images of which a rectangle is erased.")
    private @Nullable Double erase;

    @Option(names = "--mixup", paramLabel = "ALPHA", description = "Strength of mixup, 0 for none; the paper has 0.8.")
    private @Nullable Double mixup;

    @Option(names = "--cutmix", paramLabel = "ALPHA", description = "Strength of cutmix, 0 for none; the paper has 1.")
    private @Nullable Double cutmix;

    @Option(
            names = "--smoothing",
            paramLabel = "SHARE",
            description = "Share of a label that is spread over all classes (default: 0.1).")
    private @Nullable Double smoothing;

    @Option(
            names = "--drop-path",
            paramLabel = "SHARE",
            description = "Share of the images for which the last block adds nothing; less for those before it.")
    private @Nullable Double dropPath;

    @Option(
            names = "--steps",
            paramLabel = "N",
            converter = Sizes.Count.class,
            description = "Steps of the whole run, in place of --epochs.")
    private @Nullable Long steps;

    @Option(names = "--epochs", paramLabel = "N", description = "Epochs of the whole run over what is learnt from.")
    private @Nullable Double epochs;

    @Option(names = "--batch", paramLabel = "B", description = "Images in a batch.")
    private @Nullable Integer batch;

    @Option(
            names = "--micro-batches",
            paramLabel = "N",
            description = "Batches whose gradients are averaged in a step.")
    private @Nullable Integer microBatches;

    @Option(names = "--base-learning-rate", paramLabel = "X", description = "Peak learning rate for 256 images a step.")
    private @Nullable Double learningRate;

    @Option(
            names = "--layer-decay",
            paramLabel = "X",
            description = "Factor of the learning rate from each layer to the one below, 1 for the same everywhere.")
    private @Nullable Double layerDecay;

    @Option(
            names = "--warmup-share",
            paramLabel = "SHARE",
            description = "Share of the steps that warm up (default: 0.05).")
    private @Nullable Double warmup;

    @Option(names = "--weight-decay", paramLabel = "X", description = "Decay of matrices (default: 0.05).")
    private @Nullable Double weightDecay;

    @Option(names = "--clip", paramLabel = "X", description = "Longest gradient, 0 for any.")
    private @Nullable Double clip;

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "Seed of the head, of which images are drawn, order and augmentation (default: 1337).")
    private @Nullable Long seed;

    @Mixin
    private WatchFlags watch = new WatchFlags();

    boolean hasBothBudgets() {
        return steps != null && epochs != null;
    }

    boolean scratch() {
        return scratch;
    }

    int seeds() {
        return seeds == null ? 3 : seeds;
    }

    boolean hasSeeds() {
        return seeds != null;
    }

    /** Images of each class, 0 for all; none for one run on all. */
    List<Integer> perClass() {
        List<Integer> numbers = new ArrayList<>();
        for (String label : labels) {
            try {
                int number = label.equals(ALL) ? 0 : Integer.parseInt(label);
                if (number == 0 && !label.equals(ALL)) {
                    throw new NumberFormatException();
                }
                numbers.add(number);
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(
                        "--labels-per-class must be numbers from 1 up, or all, but one is '%s'".formatted(label), e);
            }
        }
        return numbers;
    }

    /** @param side pixels of the images that the encoder was trained on */
    FinetuneOptions options(String checkpoint, int side) {
        FinetuneOptions o = FinetuneOptions.of(checkpoint, side);
        FinetuneOptions.Images images = o.images();
        FinetuneOptions.Size size = o.size();
        FinetuneOptions.Watch usual = o.watch();
        return o.withBegin(new FinetuneOptions.Begin(
                        checkpoint, scratch, or(pool, o.begin().pool())))
                .withImages(new FinetuneOptions.Images(
                        or(data, images.data()),
                        loading.heldOut(images.heldOut()),
                        images.perClass(),
                        loading.strict(),
                        loading.threads(images.threads())))
                .withRegularization(regularization(o.regularization()))
                .withSize(new FinetuneOptions.Size(
                        or(image, size.image()), or(batch, size.batch()), or(microBatches, size.microBatches())))
                .withDescent(descent(o.descent()))
                .withWatch(new FinetuneOptions.Watch(
                        watch.evaluateEvery(usual.evaluateEvery()), watch.checkpointEvery(usual.checkpointEvery())))
                .withSeed(or(seed, o.seed()));
    }

    private FinetuneOptions.Regularization regularization(FinetuneOptions.Regularization usual) {
        return new FinetuneOptions.Regularization(
                or(leastArea, usual.leastArea()),
                loading.flip(usual.flip()),
                or(erase, usual.erase()),
                or(mixup, usual.mixup()),
                or(cutmix, usual.cutmix()),
                or(smoothing, usual.smoothing()),
                or(dropPath, usual.dropPath()));
    }

    private FinetuneOptions.Descent descent(FinetuneOptions.Descent usual) {
        return new FinetuneOptions.Descent(
                steps != null ? steps : epochs == null ? usual.steps() : 0,
                steps != null ? 0 : epochs == null ? usual.epochs() : epochs,
                or(learningRate, usual.baseLearningRate()),
                or(layerDecay, usual.layerDecay()),
                or(warmup, usual.warmup()),
                or(weightDecay, usual.weightDecay()),
                or(clip, usual.clip()));
    }

    private static <T> T or(@Nullable T given, T usual) {
        return given == null ? usual : given;
    }
}
