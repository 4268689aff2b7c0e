package cloze.recipe;

import cloze.model.MaeConfig;
import cloze.model.SimMim;
import cloze.model.SimMimConfig;
import cloze.model.VitConfig;
import cloze.nn.ParameterSource;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.SequencedMap;

/** SimMIM on images, with the encoders of the masked autoencoder's presets. */
final class SimMimRecipe extends MaskedImageRecipe<SimMimConfig, SimMim> {
    @Override
    public String name() {
        return "simmim";
    }

    @Override
    public Class<SimMim> type() {
        return SimMim.class;
    }

    @Override
    public String title() {
        return "a SimMIM";
    }

    @Override
    public String about() {
        return "Trains a SimMIM on images: squares of patches are hidden behind mask tokens, which go through the"
                + " encoder; one linear layer predicts their pixels.";
    }

    @Override
    public SequencedMap<String, Preset<SimMimConfig>> presets() {
        var all = new LinkedHashMap<String, Preset<SimMimConfig>>();
        Recipes.MAE.presets().forEach((name, mae) -> {
            MaeConfig config = mae.model();
            all.put(name, MaeRecipe.preset(SimMimConfig.of(config.vit()), config.image()));
        });
        return all;
    }

    @Override
    public Preset<SimMimConfig> tiny() {
        Preset<MaeConfig> mae = Recipes.MAE.tiny();
        return new Preset<>(SimMimConfig.of(mae.model().vit()), mae.data(), mae.settings());
    }

    @Override
    public SimMim build(SimMimConfig config, ParameterSource p) {
        return new SimMim(config, p);
    }

    @Override
    public VitConfig vit(SimMimConfig config) {
        return config.encoder();
    }

    @Override
    protected SimMimConfig withChannels(SimMimConfig config, int channels) {
        return config.withEncoder(config.encoder().withChannels(channels));
    }

    @Override
    protected int hidden(SimMimConfig config) {
        return config.hidden();
    }

    @Override
    protected String loss() {
        return "mean absolute error of hidden patches";
    }

    @Override
    public double operations(SimMimConfig config) {
        VitConfig encoder = config.encoder();
        double width = encoder.stack().width();
        double ends = 2.0 * encoder.pixels() * width * (2 * encoder.patches() - config.hidden());
        return 3 * (ends + ImageRecipe.forward(encoder.stack(), encoder.patches() + 1));
    }

    @Override
    public String shape(SimMimConfig c, int batch) {
        return String.format(
                Locale.ROOT,
                "I%d P%d L%d D%d H%d B%d",
                c.encoder().image(),
                c.encoder().patch(),
                c.encoder().stack().layers(),
                c.encoder().stack().width(),
                c.encoder().stack().heads(),
                batch);
    }
}
