package cloze.recipe;

import cloze.backend.Precision;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.image.ImageSettings;
import cloze.image.LabelledImageSettings;
import cloze.image.Normalization;
import cloze.model.GptConfig;
import cloze.model.MaeConfig;
import cloze.model.Pooling;
import cloze.model.SimMimConfig;
import cloze.model.VitClassifierConfig;
import cloze.model.VitConfig;
import cloze.nn.Mlp;
import cloze.nn.Norm;
import cloze.nn.Stack;
import cloze.op.Heads;
import cloze.text.TextSettings;
import cloze.train.Cadence;
import cloze.train.Guards;
import cloze.train.Settings;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Reads {@code config.json} of runs that were started before there were recipes: {@code model_type} names the system. */
final class EarlierRuns {
    private static final String TYPE = "model_type";
    private static final String GPT = "cloze-gpt";
    private static final String MAE = "cloze-mae";
    private static final String SIMMIM = "cloze-simmim";
    private static final String CLASSIFIER = "cloze-vit-classifier";
    private static final String PRETRAINING = "pretraining";
    private static final String FINETUNING = "finetuning";

    /** Presets with a smaller beta2. */
    private static final Set<String> SMALL = Set.of("nano", "baby", "nanogpt-cpu");

    private EarlierRuns() {}

    static boolean recognises(ConfigJson json) throws CheckpointException {
        return json.text(TYPE, "").startsWith("cloze-");
    }

    static StoredRun<?, ?> read(ConfigJson json) throws CheckpointException {
        json.requireText(TYPE, "", List.of(GPT, MAE, SIMMIM, CLASSIFIER));
        try {
            return switch (json.text(TYPE, "")) {
                case GPT -> gpt(json);
                case MAE -> mae(json);
                case SIMMIM -> simMim(json);
                default -> new StoredRun<>(Recipes.CLASSIFIER, classifier(json));
            };
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(json.file(), "" + e.getMessage());
        }
    }

    private static StoredRun<?, ?> gpt(ConfigJson json) throws CheckpointException {
        ConfigJson heads = json.object("heads");
        ConfigJson style = json.object("style");
        var config = new GptConfig(
                json.whole("vocabulary"),
                json.whole("context"),
                json.whole("layers"),
                json.whole("width"),
                new Heads(heads.whole("queries"), heads.whole("key_values"), heads.whole("width")),
                new GptConfig.Style(
                        constant(GptConfig.Positions.class, style, "positions"),
                        constant(Norm.Kind.class, style, "norm"),
                        constant(Mlp.Kind.class, style, "mlp"),
                        style.flag("bias", true)),
                (float) json.number("dropout", 0));
        ConfigJson options = json.object(PRETRAINING);
        if (options.keys().isEmpty()) {
            return new StoredRun<>(Recipes.GPT, Recipes.GPT.preset().withModel(config));
        }
        ConfigJson text = options.object("text");
        ConfigJson size = options.object("size");
        ConfigJson descent = options.object("descent");
        ConfigJson watch = options.object("watch");
        boolean small = SMALL.contains(options.text("preset", ""));
        var settings = new Settings(
                new Settings.Length(descent.wholeLong("steps"), 0, 0),
                batch(size),
                new Settings.Optimization(
                        constant(Settings.Algorithm.class, descent, "optimizer"),
                        descent.number("learningRate", 0),
                        0,
                        constant(Settings.Curve.class, descent, "schedule"),
                        descent.number("warmup", 0),
                        0.1,
                        small ? 0.99 : 0.95,
                        0.1,
                        1,
                        descent.number("clip", 0),
                        descent.number("ema", 0)),
                cadence(watch, "sampleEvery"),
                guards(watch),
                Precision.FP32,
                options.wholeLong("seed"));
        var data = new TextSettings(
                text.text("data", ""), text.text("column", ""), text.text("tokenizer", ""), text.number("heldOut", 0));
        return new StoredRun<>(Recipes.GPT, new Preset<>(config, data, settings));
    }

    private static <E extends Enum<E>> E constant(Class<E> type, ConfigJson json, String key)
            throws CheckpointException {
        String text = json.text(key, "").toUpperCase(Locale.ROOT);
        for (E constant : type.getEnumConstants()) {
            if (constant.name().equals(text)) {
                return constant;
            }
        }
        throw new CheckpointException(json.file(), json.place(key), "one of " + List.of(type.getEnumConstants()), text);
    }

    private static Settings.Batch batch(ConfigJson size) throws CheckpointException {
        return new Settings.Batch(size.whole("batch"), size.whole("microBatches"), size.flag("recompute", false));
    }

    private static Cadence cadence(ConfigJson watch, String sampleEvery) throws CheckpointException {
        return new Cadence(
                (long) watch.number("evaluateEvery", 0),
                (long) watch.number(sampleEvery, 0),
                (long) watch.number("checkpointEvery", 0),
                300,
                watch.flag("probe", false));
    }

    private static Guards guards(ConfigJson watch) throws CheckpointException {
        return new Guards(watch.number("outlierZ", 0), watch.whole("patience", 0), "val_loss", true);
    }

    private static StoredRun<?, ?> mae(ConfigJson json) throws CheckpointException {
        var config = new MaeConfig(
                json.whole("image"),
                json.whole("channels"),
                json.whole("patch"),
                stack(json.object("encoder")),
                stack(json.object("decoder")),
                json.number("mask_ratio", 0.75),
                json.flag("norm_pix_loss", true));
        return new StoredRun<>(Recipes.MAE, masked(Recipes.MAE.preset().withModel(config), json));
    }

    private static StoredRun<?, ?> simMim(ConfigJson json) throws CheckpointException {
        var config =
                new SimMimConfig(vit(json), json.whole("mask_patch", 0), json.number("mask_ratio", SimMimConfig.RATIO));
        return new StoredRun<>(Recipes.SIMMIM, masked(Recipes.SIMMIM.preset().withModel(config), json));
    }

    private static VitConfig vit(ConfigJson json) throws CheckpointException {
        return new VitConfig(
                json.whole("image"), json.whole("channels"), json.whole("patch"), stack(json.object("encoder")));
    }

    private static Stack stack(ConfigJson json) throws CheckpointException {
        return new Stack(
                json.whole("layers"),
                json.whole("width"),
                json.whole("heads"),
                constant(Stack.Positions.class, json, "positions"),
                (float) json.number("epsilon", Stack.EPSILON));
    }

    private static <C extends Record> Preset<C> masked(Preset<C> usual, ConfigJson json) throws CheckpointException {
        ConfigJson options = json.object(PRETRAINING);
        if (options.keys().isEmpty()) {
            var images = (ImageSettings) usual.data();
            return usual.withData(images.withFound(normalization(json), List.of()));
        }
        ConfigJson descent = options.object("descent");
        ConfigJson watch = options.object("watch");
        var settings = new Settings(
                new Settings.Length(descent.wholeLong("steps"), 0, 0),
                batch(options.object("size")),
                optimization(descent, descent.number("warmup", 0), 0.95, 1),
                cadence(watch, "pictureEvery"),
                guards(watch),
                Precision.FP32,
                options.wholeLong("seed"));
        ConfigJson images = options.object("images");
        return usual.withSettings(settings)
                .withData(images(images, images.number("leastArea", 1), images.flag("flip", true), json, List.of()));
    }

    private static Settings.Optimization optimization(
            ConfigJson descent, double warmup, double beta2, double layerDecay) throws CheckpointException {
        return new Settings.Optimization(
                Settings.Algorithm.ADAMW,
                descent.number("baseLearningRate", 0),
                256,
                Settings.Curve.COSINE,
                warmup,
                0,
                beta2,
                descent.number("weightDecay", 0),
                layerDecay,
                descent.number("clip", 0),
                descent.number("ema", 0));
    }

    private static ImageSettings images(
            ConfigJson images, double leastArea, boolean flip, ConfigJson json, List<String> classes)
            throws CheckpointException {
        return new ImageSettings(
                images.text("data", ""),
                0,
                images.number("heldOut", 0),
                leastArea,
                flip,
                images.flag("strict", false),
                images.whole("threads", 2),
                normalization(json),
                classes);
    }

    private static Normalization normalization(ConfigJson json) throws CheckpointException {
        ConfigJson of = json.object("normalization");
        return new Normalization(of.numbers("mean"), of.numbers("deviation"));
    }

    private static Preset<VitClassifierConfig> classifier(ConfigJson json) throws CheckpointException {
        List<String> classes = json.texts("classes");
        var config = new VitClassifierConfig(
                vit(json), json.whole("num_classes"), pooling(json), json.number("drop_path_rate", 0));
        return finetuning(config, json.object(FINETUNING), json, classes);
    }

    static Pooling pooling(ConfigJson json) throws CheckpointException {
        return constant(Pooling.class, json, "pool");
    }

    /** The options of fine-tuning, as stored by a run and by a comparison on few labels. */
    static Preset<VitClassifierConfig> finetuning(
            VitClassifierConfig config, ConfigJson options, ConfigJson run, List<String> classes)
            throws CheckpointException {
        ConfigJson descent = options.object("descent");
        ConfigJson images = options.object("images");
        ConfigJson r = options.object("regularization");
        ConfigJson begin = options.object("begin");
        ConfigJson watch = options.object("watch");
        long steps = (long) descent.number("steps", 0);
        var settings = new Settings(
                new Settings.Length(steps, steps > 0 ? 0 : descent.number("epochs", 0), 0),
                batch(options.object("size")),
                optimization(descent, descent.number("warmup", 0), 0.999, descent.number("layerDecay", 1)),
                cadence(watch, "sampleEvery"),
                Guards.NONE,
                Precision.FP32,
                options.wholeLong("seed"));
        double leastArea = r.number("leastArea", 1);
        boolean flip = r.flag("flip", true);
        ImageSettings found = run.has("normalization")
                ? images(images, leastArea, flip, run, classes)
                : ImageSettings.of(images.text("data", ""))
                        .withHeldOut(images.number("heldOut", 0))
                        .withLeastArea(leastArea)
                        .withFlip(flip)
                        .withStrict(images.flag("strict", false))
                        .withThreads(images.whole("threads", 2));
        var data = new LabelledImageSettings(
                found,
                images.whole("perClass", 0),
                r.number("erase", 0),
                r.number("mixup", 0),
                r.number("cutmix", 0),
                r.number("smoothing", 0));
        var start = new Start(begin.text("checkpoint", ""), begin.flag("scratch", false));
        return new Preset<>(config, data, settings, start);
    }
}
