package cloze.recipe;

import cloze.image.FewLabels;
import cloze.image.ImageData;
import cloze.image.Mixing;
import cloze.image.RandomErasing;
import cloze.model.VitClassifier;
import cloze.model.VitClassifierConfig;
import cloze.optim.AdamW;
import cloze.optim.LayerDecay;
import cloze.optim.Schedule;
import cloze.train.Cadence;
import cloze.train.Guards;
import cloze.train.TrainingConfig;

/**
 * All that decides how a classifier is fine-tuned; {@code config.json} of its run folder holds it.
 *
 * @param begin which weights it begins with
 * @param images what it is trained on
 * @param regularization what keeps it from learning the training images by heart
 * @param size of images and batch
 * @param descent how the loss is brought down
 * @param watch what is done besides, and when
 * @param seed of the head, which images are drawn, their order and augmentation
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, table 9, for the recipe</a>
 */
public record FinetuneOptions(
        Begin begin, Images images, Regularization regularization, Size size, Descent descent, Watch watch, long seed) {
    /**
     * Where the weights come from.
     *
     * @param checkpoint folder of a pre-trained encoder
     * @param scratch whether the network has its sizes alone, and random weights
     * @param pool what the head sees
     */
    public record Begin(String checkpoint, boolean scratch, VitClassifierConfig.Pool pool) {}

    /**
     * What is trained on.
     *
     * @param data a folder, a list, an archive or a name: {@link ImageData#open}
     * @param heldOut share of the images that is kept for evaluation, where the data do not say which
     * @param perClass images of each class that are drawn by the seed, see {@link FewLabels}; 0 for all images
     * @param strict whether an image that can not be read ends the run
     * @param threads that read ahead
     */
    public record Images(String data, double heldOut, int perClass, boolean strict, int threads) {
        public Images withPerClass(int changed) {
            return new Images(data, heldOut, changed, strict, threads);
        }
    }

    /**
     * What keeps a network from learning images by heart.
     *
     * @param leastArea share of an image that a random part of it has at least; 1 for the middle square alone
     * @param flip whether images are mirrored half of the time
     * @param erase share of the images of which a rectangle is erased, see {@link RandomErasing}
     * @param mixup see {@link Mixing}
     * @param cutmix see {@link Mixing}
     * @param smoothing of labels
     * @param dropPath share of the samples for which the last block adds nothing
     */
    public record Regularization(
            double leastArea,
            boolean flip,
            double erase,
            double mixup,
            double cutmix,
            double smoothing,
            double dropPath) {
        Mixing mixing() {
            return new Mixing(mixup, cutmix, smoothing);
        }
    }

    /**
     * Sizes.
     *
     * @param image pixels of a side, 0 for the encoder's own
     * @param batch B
     * @param microBatches whose gradients are averaged in a step
     */
    public record Size(int image, int batch, int microBatches) {}

    /**
     * How the loss is brought down.
     *
     * @param steps of the whole run; 0 for {@code epochs}
     * @param epochs over all images that are trained on, in place of steps
     * @param baseLearningRate for 256 images a step; the rate is proportional to the images of a step
     * @param layerDecay factor of the rate from each layer to the one below
     * @param warmup share of the steps
     * @param weightDecay of parameters of two dimensions or more
     * @param clip longest gradient, 0 for any
     */
    public record Descent(
            long steps,
            double epochs,
            double baseLearningRate,
            double layerDecay,
            double warmup,
            double weightDecay,
            double clip) {}

    /** What is done besides, in steps; 0 for at the end only. */
    public record Watch(long evaluateEvery, long checkpointEvery) {}

    public FinetuneOptions {
        require("steps and epochs", "one of them above 0", descent, descent.steps() > 0 ^ descent.epochs() > 0);
        require("base learning rate", "above 0", descent.baseLearningRate(), descent.baseLearningRate() > 0);
        require(
                "layer decay",
                "in (0, 1]",
                descent.layerDecay(),
                descent.layerDecay() > 0 && descent.layerDecay() <= 1);
        require("warm-up", "in [0, 1)", descent.warmup(), descent.warmup() >= 0 && descent.warmup() < 1);
        require("batch", "1 or more", size.batch(), size.batch() >= 1);
        require("held-out share", "in (0, 1)", images.heldOut(), images.heldOut() > 0 && images.heldOut() < 1);
        require("images a class", "0 for all, or more", images.perClass(), images.perClass() >= 0);
        require("threads that read", "1 or more", images.threads(), images.threads() >= 1);
        double drop = regularization.dropPath();
        require("drop path", "in [0, 1)", drop, drop >= 0 && drop < 1);
        var _ = regularization.mixing(); // checks its numbers
        var _ = new RandomErasing(regularization.erase());
    }

    private static void require(String what, String expected, Object actual, boolean holds) {
        if (!holds) {
            throw new IllegalArgumentException("%s must be %s, but it is %s".formatted(what, expected, actual));
        }
    }

    /**
     * The usual recipe for an encoder: on small images one for minutes on a core, on others that of the paper for ViT-B.
     *
     * @param side pixels of the images that the encoder was trained on
     */
    public static FinetuneOptions of(String checkpoint, int side) {
        boolean small = side <= 64;
        return new FinetuneOptions(
                new Begin(checkpoint, false, VitClassifierConfig.Pool.MEAN),
                new Images(small ? ImageData.CIFAR_10 : "images", 0.1, 0, false, 2),
                small
                        ? new Regularization(0.4, true, 0, 0.8, 1, 0.1, 0.1)
                        : new Regularization(0.08, true, 0.25, 0.8, 1, 0.1, 0.1),
                new Size(0, small ? 64 : 128, small ? 1 : 8),
                small ? new Descent(0, 50, 4e-3, 0.75, 0.05, 0.05, 1) : new Descent(0, 100, 5e-4, 0.65, 0.05, 0.05, 0),
                new Watch(0, 0),
                1337);
    }

    public FinetuneOptions withBegin(Begin changed) {
        return new FinetuneOptions(changed, images, regularization, size, descent, watch, seed);
    }

    public FinetuneOptions withScratch(boolean scratch) {
        return withBegin(new Begin(begin.checkpoint(), scratch, begin.pool()));
    }

    public FinetuneOptions withImages(Images changed) {
        return new FinetuneOptions(begin, changed, regularization, size, descent, watch, seed);
    }

    public FinetuneOptions withRegularization(Regularization changed) {
        return new FinetuneOptions(begin, images, changed, size, descent, watch, seed);
    }

    public FinetuneOptions withSize(Size changed) {
        return new FinetuneOptions(begin, images, regularization, changed, descent, watch, seed);
    }

    public FinetuneOptions withDescent(Descent changed) {
        return new FinetuneOptions(begin, images, regularization, size, changed, watch, seed);
    }

    public FinetuneOptions withWatch(Watch changed) {
        return new FinetuneOptions(begin, images, regularization, size, descent, changed, seed);
    }

    public FinetuneOptions withSeed(long changed) {
        return new FinetuneOptions(begin, images, regularization, size, descent, watch, changed);
    }

    /** The run of so many steps. */
    public FinetuneOptions withSteps(long steps) {
        Descent d = descent;
        return withDescent(
                new Descent(steps, 0, d.baseLearningRate(), d.layerDecay(), d.warmup(), d.weightDecay(), d.clip()));
    }

    /** The same in steps, where there are so many images to learn from. */
    FinetuneOptions resolved(int count) {
        return descent.steps() > 0
                ? this
                : withSteps(Math.max(1, Math.round(descent.epochs() * count / imagesPerStep())));
    }

    public long imagesPerStep() {
        return (long) size.batch() * size.microBatches();
    }

    /** The peak, {@code base B / 256}. */
    public double learningRate() {
        return descent.baseLearningRate() * imagesPerStep() / 256;
    }

    TrainingConfig training(VitClassifierConfig model) {
        var rest = new AdamW.Config(learningRate(), 0.9, 0.999, 1e-8, descent.weightDecay(), true);
        var optimizer = new LayerDecay(
                rest, descent.layerDecay(), VitClassifier.depths(model), name -> VitClassifier.depth(model, name));
        var optimization = new TrainingConfig.Optimization(
                optimizer,
                new Schedule.Cosine(Math.round(descent.warmup() * descent.steps()), descent.steps(), 0),
                descent.clip() == 0 ? Double.POSITIVE_INFINITY : descent.clip(),
                0);
        var cadence = new Cadence(watch.evaluateEvery(), 0, watch.checkpointEvery(), 300);
        return new TrainingConfig(descent.steps(), size.microBatches(), seed, optimization, Guards.NONE, cadence);
    }
}
