package cloze.recipe;

import cloze.image.ImageData;
import cloze.model.MaeConfig;
import cloze.model.SimMimConfig;
import cloze.optim.AdamW;
import cloze.optim.Schedule;
import cloze.train.Cadence;
import cloze.train.Guards;
import cloze.train.TrainingConfig;

/**
 * All that decides a pre-training run on masked images; {@code config.json} of its folder holds it.
 *
 * @param method whose model is trained
 * @param preset of {@link MaeConfig}; of SimMIM the encoder's
 * @param images what it is trained on
 * @param size of images, patches and batch, where they are not the preset's
 * @param descent how the loss is brought down
 * @param watch what is done besides, and when
 * @param seed of weights, order, augmentation and masks
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, appendix A.1, for the recipe</a>
 */
public record MaeOptions(
        Method method, String preset, Images images, Size size, Descent descent, Watch watch, long seed) {
    /** Which model is trained. */
    public enum Method {
        /** The masked autoencoder: the encoder sees the kept patches alone, a decoder predicts the others. */
        MAE,
        /** SimMIM: mask tokens go through the encoder, one linear layer predicts. */
        SIMMIM
    }

    /**
     * What is trained on.
     *
     * @param data a folder, a list, an archive or a name: {@link ImageData#open}
     * @param heldOut share of the images that is kept for evaluation, where the data do not say which
     * @param leastArea share of an image that a random part of it has at least; 1 for the middle square alone
     * @param flip whether images are mirrored half of the time
     * @param strict whether an image that can not be read ends the run
     * @param threads that read ahead
     */
    public record Images(String data, double heldOut, double leastArea, boolean flip, boolean strict, int threads) {}

    /**
     * Sizes.
     *
     * @param image pixels of a side
     * @param channels 1 or 3; 0 for those that the images have
     * @param batch B
     * @param microBatches whose gradients are averaged in a step
     * @param ratio of the patches that are hidden
     * @param normalize whether the pixels of a patch are predicted normalised
     */
    public record Size(
            int image, int patch, int channels, int batch, int microBatches, double ratio, boolean normalize) {}

    /**
     * How the loss is brought down.
     *
     * @param steps of the whole run; 0 for {@code epochs}
     * @param epochs over all images, in place of steps
     * @param baseLearningRate for 256 images a step; the rate is proportional to the images of a step
     * @param warmup steps
     * @param weightDecay of parameters of two dimensions or more
     * @param clip longest gradient, 0 for any
     * @param ema decay of the average of the weights that is evaluated and saved, 0 for none
     */
    public record Descent(
            long steps,
            double epochs,
            double baseLearningRate,
            long warmup,
            double weightDecay,
            double clip,
            double ema) {}

    /**
     * What is done besides, in steps; 0 for at the end only.
     *
     * @param pictureEvery steps between pictures of what is filled in
     * @param outlierZ steps so many standard deviations out are skipped, 0 for none
     * @param probe whether a linear probe of the encoder belongs to each evaluation
     */
    public record Watch(long evaluateEvery, long pictureEvery, long checkpointEvery, double outlierZ, boolean probe) {
        /** Without a probe. */
        public Watch(long evaluateEvery, long pictureEvery, long checkpointEvery, double outlierZ) {
            this(evaluateEvery, pictureEvery, checkpointEvery, outlierZ, false);
        }
    }

    public MaeOptions {
        require("steps and epochs", "one of them above 0", descent, descent.steps() > 0 ^ descent.epochs() > 0);
        require("base learning rate", "above 0", descent.baseLearningRate(), descent.baseLearningRate() > 0);
        require("batch", "1 or more", size.batch(), size.batch() >= 1);
        require("channels", "0, 1 or 3", size.channels(), size.channels() % 4 <= 1 || size.channels() == 3);
        require("held-out share", "in (0, 1)", images.heldOut(), images.heldOut() > 0 && images.heldOut() < 1);
        require("threads that read", "1 or more", images.threads(), images.threads() >= 1);
    }

    private static void require(String what, String expected, Object actual, boolean holds) {
        if (!holds) {
            throw new IllegalArgumentException("%s must be %s, but it is %s".formatted(what, expected, actual));
        }
    }

    /** What a preset is usually trained with: the small ones on small images on two cores, the others as in the paper. */
    public static MaeOptions of(String preset) {
        MaeConfig c = MaeConfig.preset(preset);
        boolean small = c.image() <= 64;
        String data = c.image() == 32 ? ImageData.FASHION_MNIST : "images";
        return new MaeOptions(
                Method.MAE,
                preset,
                new Images(data, 0.1, 0.2, true, false, 2),
                new Size(c.image(), c.patch(), 0, small ? 64 : 256, small ? 1 : 16, c.ratio(), c.normalize()),
                small ? new Descent(1000, 0, 4e-3, 50, 0.05, 1, 0) : new Descent(0, 800, 1.5e-4, 12_500, 0.05, 0, 0),
                new Watch(250, 250, 250, 7),
                1337);
    }

    /** The same for SimMIM, with the paper's share of hidden squares, and pixels as they are. */
    public MaeOptions withSimMim() {
        Size s = size;
        var pixels =
                new Size(s.image(), s.patch(), s.channels(), s.batch(), s.microBatches(), SimMimConfig.RATIO, false);
        return new MaeOptions(Method.SIMMIM, preset, images, pixels, descent, watch, seed);
    }

    public MaeOptions withImages(Images changed) {
        return new MaeOptions(method, preset, changed, size, descent, watch, seed);
    }

    public MaeOptions withSize(Size changed) {
        return new MaeOptions(method, preset, images, changed, descent, watch, seed);
    }

    public MaeOptions withDescent(Descent changed) {
        return new MaeOptions(method, preset, images, size, changed, watch, seed);
    }

    public MaeOptions withWatch(Watch changed) {
        return new MaeOptions(method, preset, images, size, descent, changed, seed);
    }

    public MaeOptions withSeed(long changed) {
        return new MaeOptions(method, preset, images, size, descent, watch, changed);
    }

    /** The run of so many steps; the warm-up is at most a tenth of it. */
    public MaeOptions withSteps(long steps) {
        Descent d = descent;
        long warmup = Math.min(d.warmup(), steps / 10);
        return withDescent(new Descent(steps, 0, d.baseLearningRate(), warmup, d.weightDecay(), d.clip(), d.ema()));
    }

    /** The same for images of so many channels, of which there are so many to learn from. */
    MaeOptions resolved(int channels, int count) {
        Size s = size;
        MaeOptions found = withSize(
                new Size(s.image(), s.patch(), channels, s.batch(), s.microBatches(), s.ratio(), s.normalize()));
        if (descent.steps() > 0) {
            return found;
        }
        return found.withSteps(Math.max(1, Math.round(descent.epochs() * count / imagesPerStep())));
    }

    public long imagesPerStep() {
        return (long) size.batch() * size.microBatches();
    }

    /** The peak, {@code base B / 256}. */
    public double learningRate() {
        return descent.baseLearningRate() * imagesPerStep() / 256;
    }

    /** The masked autoencoder. */
    public MaeConfig mae() {
        return MaeConfig.preset(preset)
                .withImage(size.image(), size.channels(), size.patch())
                .withRatio(size.ratio())
                .withNormalize(size.normalize());
    }

    /** The SimMIM, whose encoder is that of the masked autoencoder. */
    public SimMimConfig simMim() {
        SimMimConfig usual = SimMimConfig.of(mae().vit());
        return new SimMimConfig(usual.encoder(), usual.maskPatch(), size.ratio());
    }

    TrainingConfig training() {
        var optimizer = new AdamW.Config(learningRate(), 0.9, 0.95, 1e-8, descent.weightDecay(), true);
        var optimization = new TrainingConfig.Optimization(
                optimizer,
                new Schedule.Cosine(descent.warmup(), descent.steps(), 0),
                descent.clip() == 0 ? Double.POSITIVE_INFINITY : descent.clip(),
                descent.ema());
        var guards = new Guards(watch.outlierZ() == 0 ? Double.POSITIVE_INFINITY : watch.outlierZ(), null);
        var cadence = new Cadence(watch.evaluateEvery(), watch.pictureEvery(), watch.checkpointEvery(), 300);
        return new TrainingConfig(descent.steps(), size.microBatches(), seed, optimization, guards, cadence);
    }
}
