package cloze.recipe;

import cloze.backend.Backend;
import cloze.checkpoint.RunIdentity;
import cloze.eval.ClassAccuracy;
import cloze.foreign.Companions;
import cloze.image.FewLabels;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.ImageSettings;
import cloze.image.LabelledImageSettings;
import cloze.image.RandomErasing;
import cloze.io.DataException;
import cloze.model.Pooling;
import cloze.model.Vit;
import cloze.model.VitClassifier;
import cloze.model.VitClassifierConfig;
import cloze.model.VitConfig;
import cloze.nn.ParameterSource;
import cloze.nn.Parameters;
import cloze.optim.LayerDecay;
import cloze.task.ImageClasses;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.train.Cadence;
import cloze.train.Evaluation;
import cloze.train.Objective;
import cloze.train.Settings;
import cloze.train.TrainingConfig;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;

/**
 * Fine-tuning: an image encoder of a checkpoint under a linear head learns classes.
 *
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, table 9, for the settings</a>
 */
public final class ClassifierRecipe implements ImageRecipe<VitClassifierConfig, VitClassifier> {
    private static final int CLASSES = 10; // until the images say how many there are

    /** On small images in minutes on a core. */
    private static final Settings SMALL = Settings.DEFAULT
            .withEpochs(50)
            .withBatch(64, 1)
            .withLearningRate(4e-3)
            .withRateBatch(256)
            .withLayerDecay(0.75)
            .withCadence(Cadence.of(0, 0, 0).withCheckpointSeconds(300));

    /** The paper's for ViT-B. */
    private static final Settings PAPER = SMALL.withEpochs(100)
            .withBatch(128, 8)
            .withLearningRate(5e-4)
            .withLayerDecay(0.65)
            .withClip(0);

    ClassifierRecipe() {}

    @Override
    public String name() {
        return "classifier";
    }

    @Override
    public Class<VitClassifier> type() {
        return VitClassifier.class;
    }

    @Override
    public String title() {
        return "a fine-tuned classifier of images";
    }

    @Override
    public String about() {
        return "Trains an image encoder as a whole to classify images.";
    }

    @Override
    public boolean startsFromCheckpoint() {
        return true;
    }

    /** The usual preset for an encoder, by the size of its images. */
    public Preset<VitClassifierConfig> preset(VitConfig encoder) {
        boolean small = encoder.image() <= 64;
        ImageSettings images = ImageSettings.of(small ? ImageData.CIFAR_10 : "images");
        var data =
                new LabelledImageSettings(images.withLeastArea(small ? 0.4 : 0.08), 0, small ? 0 : 0.25, 0.8, 1, 0.1);
        var config = new VitClassifierConfig(encoder, CLASSES, Pooling.MEAN, 0.1);
        return new Preset<>(config, data, small ? SMALL : PAPER);
    }

    /**
     * The usual preset for the encoder of a checkpoint.
     *
     * @throws IOException if the folder holds no image encoder
     */
    public Preset<VitClassifierConfig> preset(Path checkpoint) throws IOException {
        return preset(Encoders.config(checkpoint)).withStart(new Start(checkpoint.toString(), false));
    }

    @Override
    public SequencedMap<String, Preset<VitClassifierConfig>> presets() {
        var all = new LinkedHashMap<String, Preset<VitClassifierConfig>>();
        Recipes.MAE
                .presets()
                .forEach((name, mae) -> all.put(name, preset(mae.model().vit())));
        return all;
    }

    @Override
    public Preset<VitClassifierConfig> tiny() {
        Preset<VitClassifierConfig> preset = preset(Recipes.MAE.tiny().model().vit());
        return preset.withSettings(SMALL.withSteps(4).withBatch(2, 1));
    }

    @Override
    public Set<String> without() {
        return Set.of(
                "model.encoder.patch",
                "data.images.channels",
                "settings.length.tokens",
                "settings.batch.recompute",
                "settings.cadence.probe",
                "settings.cadence.sampleEvery",
                "settings.optimization.optimizer",
                "settings.guards");
    }

    @Override
    public Companions companions(Preset<VitClassifierConfig> preset, Path folder) throws IOException {
        ImageSettings images = ((LabelledImageSettings) preset.data()).images();
        return ImageRecipe.companions(images, preset.model().encoder(), folder);
    }

    @Override
    public VitClassifier build(VitClassifierConfig config, ParameterSource p) {
        return new VitClassifier(config, p);
    }

    @Override
    public VitConfig vit(VitClassifierConfig config) {
        return config.encoder();
    }

    @Override
    public TrainingConfig training(Preset<VitClassifierConfig> preset) {
        VitClassifierConfig config = preset.model();
        Settings settings = preset.settings();
        return settings.training(new LayerDecay(
                settings.adamW(),
                settings.optimization().layerDecay(),
                VitClassifier.depths(config),
                name -> VitClassifier.depth(config, name)));
    }

    @Override
    public double operations(VitClassifierConfig config) {
        VitConfig encoder = config.encoder();
        double width = encoder.stack().width();
        double ends = 2.0 * encoder.patches() * encoder.pixels() * width + 2 * width * config.classes();
        return 3 * (ends + ImageRecipe.forward(encoder.stack(), encoder.patches() + 1));
    }

    @Override
    public String shape(VitClassifierConfig c, int batch) {
        VitConfig e = c.encoder();
        return String.format(
                Locale.ROOT,
                "I%d P%d L%d D%d H%d V%d B%d",
                e.image(),
                e.patch(),
                e.stack().layers(),
                e.stack().width(),
                e.stack().heads(),
                c.classes(),
                batch);
    }

    private static ImageClasses.Disturbance disturbance(LabelledImageSettings data) {
        return new ImageClasses.Disturbance(new RandomErasing(data.erase()), data.mixing());
    }

    @Override
    public Objective random(Parameters.Built<VitClassifier> model, Preset<VitClassifierConfig> preset, long seed) {
        int batch = preset.settings().batch().size();
        return new ImageClasses(
                model,
                ImageRecipe.randomImages(preset.model().encoder(), batch, seed),
                batch,
                disturbance((LabelledImageSettings) preset.data()),
                seed);
    }

    @Override
    public Prepared<VitClassifierConfig, VitClassifier> open(Preset<VitClassifierConfig> chosen, Opening opening)
            throws IOException {
        var data = (LabelledImageSettings) chosen.data();
        var images = new OpenImages(data.images(), opening.cache());
        try {
            ImageSet all = images.data().train();
            if (!all.labelled() || !images.data().heldOut().classes().equals(all.classes())) {
                throw new DataException(String.format(
                        Locale.ROOT,
                        "%s: every image must have a class, and those held out the same ones",
                        data.images().data()));
            }
            ImageSet train = data.perClass() == 0
                    ? all
                    : FewLabels.draw(all, data.perClass(), chosen.settings().seed());
            Preset<VitClassifierConfig> fitted = opening.run() == null ? fitted(chosen, all.classes()) : chosen;
            return new OnClasses(fitted.withSettings(fitted.settings().inSteps(train.count(), 0)), images, train);
        } catch (IOException | RuntimeException e) {
            images.close();
            throw e;
        }
    }

    /** Adds the classes of the images, and the positions and the normalisation of the checkpoint. */
    private static Preset<VitClassifierConfig> fitted(Preset<VitClassifierConfig> chosen, List<String> classes)
            throws IOException {
        VitClassifierConfig c = chosen.model();
        Path checkpoint = Path.of(chosen.start().checkpoint());
        VitConfig encoder = Encoders.config(checkpoint, c.encoder().image());
        var data = (LabelledImageSettings) chosen.data();
        ImageSettings images = data.images().withFound(Encoders.normalization(checkpoint), classes);
        return chosen.withModel(new VitClassifierConfig(encoder, classes.size(), c.pool(), c.dropPath()))
                .withData(data.withImages(images));
    }

    /** A run's images and classes. */
    private static final class OnClasses implements Prepared<VitClassifierConfig, VitClassifier> {
        private final Preset<VitClassifierConfig> preset;
        private final LabelledImageSettings settings;
        private final OpenImages images;
        private final ImageSet train;
        private final int side;

        OnClasses(Preset<VitClassifierConfig> preset, OpenImages images, ImageSet train) {
            this.preset = preset;
            this.images = images;
            this.train = train;
            settings = (LabelledImageSettings) preset.data();
            side = preset.model().encoder().image();
        }

        @Override
        public Preset<VitClassifierConfig> preset() {
            return preset;
        }

        @Override
        public Map<String, String> identity() throws IOException {
            return images.identity(RunIdentity.OUTPUTS);
        }

        @Override
        public String describe() {
            return String.format(
                    Locale.ROOT,
                    "%,d images to learn from, %,d held out, %d classes",
                    train.count(),
                    images.data().heldOut().count(),
                    preset.model().classes());
        }

        @Override
        public void begin(Parameters.Built<VitClassifier> model, Backend backend) throws IOException {
            if (preset.start().scratch()) {
                return;
            }
            Path checkpoint = Path.of(preset.start().checkpoint());
            try (Scope passing = backend.memory().scope("encoder")) {
                Parameters.Built<Vit> encoder = Encoders.load(checkpoint, side, backend, passing);
                Map<String, Tensor> pretrained = new HashMap<>();
                encoder.parameters().tensors().forEach(parameter -> pretrained.put(parameter.name(), parameter));
                for (Tensor parameter : model.parameters().tensors()) {
                    Tensor stored = pretrained.get(parameter.name());
                    if (stored != null) {
                        backend.copy(stored, parameter);
                    }
                }
                model.parameters().refresh();
            }
        }

        @Override
        public Objective objective(Parameters.Built<VitClassifier> model) {
            int batch = preset.settings().batch().size();
            long seed = preset.settings().seed();
            ImageSettings loading = settings.images();
            var batches = images.batches(train, loading.augmentation(side), batch, seed, loading.threads());
            return new ImageClasses(model, batches, batch, disturbance(settings), seed);
        }

        @Override
        public Evaluation evaluation(Parameters.Built<VitClassifier> model, Backend backend) {
            return new ClassAccuracy(
                    backend,
                    model.model(),
                    images.data().heldOut(),
                    settings.images().view(side),
                    settings.images().threads(),
                    images.unreadable());
        }

        @Override
        public Summary summary(Parameters.Built<VitClassifier> model, Backend backend, List<TrainingEvent> events) {
            Map<String, Double> metrics = Summary.metrics(events);
            String line = String.format(
                    Locale.ROOT,
                    "held-out images: %.2f %% right, loss %.4f",
                    100 * metrics.getOrDefault(ClassAccuracy.ACCURACY, Double.NaN),
                    metrics.getOrDefault(ClassAccuracy.LOSS, Double.NaN));
            Map<String, Object> facts = Summary.facts(events);
            facts.put("unreadable_images", unreadable());
            return new Summary("cross-entropy, nats", Map.of(), List.of(line), facts);
        }

        @Override
        public int unreadable() {
            return images.unreadable().count();
        }

        @Override
        public void close() throws IOException {
            images.close();
        }
    }
}
