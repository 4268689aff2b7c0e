package cloze.recipe;

import cloze.foreign.Foreign;
import cloze.foreign.ForeignMae;
import cloze.image.ImageData;
import cloze.image.ImageSettings;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.model.VitConfig;
import cloze.nn.ParameterSource;
import cloze.nn.Stack;
import cloze.train.Cadence;
import cloze.train.Guards;
import cloze.train.Settings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;

/** The masked autoencoder on images. */
final class MaeRecipe extends MaskedImageRecipe<MaeConfig, Mae> {
    /** On small images in minutes on two cores. */
    static final Settings SMALL = Settings.DEFAULT
            .withSteps(1000)
            .withBatch(64, 1)
            .withLearningRate(4e-3)
            .withRateBatch(256)
            .withWarmup(50)
            .withBeta2(0.95)
            .withWeightDecay(0.05)
            .withCadence(new Cadence(250, 250, 250, 300, false))
            .withGuards(Guards.skippingOutliers());

    /** He et al. 2021, appendix A.1. */
    static final Settings PAPER = SMALL.withEpochs(800)
            .withBatch(256, 16)
            .withLearningRate(1.5e-4)
            .withWarmup(12_500)
            .withClip(0);

    @Override
    public String name() {
        return "mae";
    }

    @Override
    public Class<Mae> type() {
        return Mae.class;
    }

    @Override
    public String title() {
        return "a masked autoencoder";
    }

    @Override
    public String about() {
        return "Trains a masked autoencoder on images, with pictures of its predictions.";
    }

    /** The data and the settings of a preset, by the size of its images. */
    static <C extends Record> Preset<C> preset(C config, int side) {
        ImageSettings images = ImageSettings.of(side == 32 ? ImageData.FASHION_MNIST : "images");
        return new Preset<>(config, images, side <= 64 ? SMALL : PAPER);
    }

    @Override
    public SequencedMap<String, Preset<MaeConfig>> presets() {
        var all = new LinkedHashMap<String, Preset<MaeConfig>>();
        all.put("vit-tiny-32", of("vit-tiny-32"));
        MaeConfig.presetNames().forEach(name -> all.put(name, of(name)));
        return all;
    }

    private static Preset<MaeConfig> of(String name) {
        MaeConfig config = MaeConfig.preset(name);
        return preset(config, config.image());
    }

    @Override
    public Preset<MaeConfig> tiny() {
        var stack = new Stack(1, 32, 2);
        MaeConfig config = new MaeConfig(16, 3, 4, stack, stack, 0.75, true);
        return preset(config, config.image()).withSettings(SMALL.withSteps(4).withBatch(2, 1));
    }

    @Override
    public Mae build(MaeConfig config, ParameterSource p) {
        return new Mae(config, p);
    }

    @Override
    public VitConfig vit(MaeConfig config) {
        return config.vit();
    }

    @Override
    protected MaeConfig withChannels(MaeConfig config, int channels) {
        return config.withChannels(channels);
    }

    @Override
    protected int hidden(MaeConfig config) {
        return config.patches() - config.kept();
    }

    @Override
    protected String loss() {
        return "mean squared error of hidden patches";
    }

    @Override
    public double operations(MaeConfig config) {
        int width = config.encoder().width();
        int narrow = config.decoder().width();
        int seen = config.kept() + 1;
        int all = config.patches() + 1;
        double ends = 2.0 * config.pixels() * (config.kept() * (double) width + all * narrow);
        double between = 2.0 * seen * width * narrow;
        return 3
                * (ends
                        + between
                        + ImageRecipe.forward(config.encoder(), seen)
                        + ImageRecipe.forward(config.decoder(), all));
    }

    @Override
    public String shape(MaeConfig c, int batch) {
        return String.format(
                Locale.ROOT,
                "I%d P%d L%d D%d H%d l%d d%d h%d B%d",
                c.image(),
                c.patch(),
                c.encoder().layers(),
                c.encoder().width(),
                c.encoder().heads(),
                c.decoder().layers(),
                c.decoder().width(),
                c.decoder().heads(),
                batch);
    }

    @Override
    public List<Benchmark> benchmarks() {
        return List.of(
                new Benchmark("vit-base", 256, true),
                new Benchmark("vit-large", 128, true),
                new Benchmark("vit-tiny-32", 64, false));
    }

    @Override
    public List<Foreign<Mae>> layouts() {
        return List.of(ForeignMae.values());
    }
}
