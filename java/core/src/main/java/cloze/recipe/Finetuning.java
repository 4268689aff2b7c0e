package cloze.recipe;

import cloze.backend.Backend;
import cloze.eval.ClassAccuracy;
import cloze.foreign.VitClassifierFolder;
import cloze.foreign.VitFolder;
import cloze.image.Augmentation;
import cloze.image.FewLabels;
import cloze.image.ImageBatch;
import cloze.image.ImageBatches;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.Normalization;
import cloze.image.RandomErasing;
import cloze.image.Unreadable;
import cloze.io.DataException;
import cloze.model.Vit;
import cloze.model.VitClassifier;
import cloze.model.VitClassifierConfig;
import cloze.model.VitConfig;
import cloze.nn.Parameters;
import cloze.task.ImageClasses;
import cloze.task.MaskedPatches;
import cloze.tensor.Scope;
import cloze.train.ExtraState;
import cloze.train.MemoryEstimate;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingHooks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Fine-tunes an encoder on images with classes into a run folder, from the start or from where a run was interrupted:
 *
 * <pre>
 * try (ImageData data = ImageData.open("cifar-10", cache, 0.1);
 *         RunFolder folder = RunFolder.create(path);
 *         Finetuning run = Finetuning.start(folder, FinetuneOptions.of("runs/vit-nano-32", 32), data, backend)) {
 *     run.trainer(TrainingHooks.NONE).run();
 * }
 * </pre>
 */
public final class Finetuning implements AutoCloseable {
    private static final String OPTIONS = "finetuning";
    /** What {@code config.json} of a run says. */
    private record Description(FinetuneOptions options, VitClassifierConfig model, Normalization normalization) {}

    private final RunFolder folder;
    private final Description run;
    private final Backend backend;
    private final ImageSet train;
    private final Unreadable unreadable;
    private final ImageBatches batches;
    private final Scope scope;
    private final Parameters.Built<VitClassifier> built;
    private final ClassAccuracy accuracy;

    private Finetuning(RunFolder folder, Description run, ImageData data, Backend backend) throws IOException {
        this.folder = folder;
        this.run = run;
        this.backend = backend;
        FinetuneOptions options = run.options();
        train = drawn(data.train(), options);
        unreadable = new Unreadable(options.images().strict());
        int side = run.model().encoder().image();
        FinetuneOptions.Regularization r = options.regularization();
        var augmentation = new Augmentation(side, r.leastArea(), r.flip(), run.normalization());
        int threads = options.images().threads();
        batches = new ImageBatches(train, augmentation, options.size().batch(), options.seed(), threads, unreadable);
        scope = backend.memory().scope("model");
        built = build(backend, scope);
        if (!options.begin().scratch() && !Files.exists(folder.model())) { // else the newest checkpoint has all
            beginWithEncoder();
        }
        Augmentation none = Augmentation.none(side, run.normalization());
        accuracy = new ClassAccuracy(backend, built.model(), data.heldOut(), none, threads, unreadable);
    }

    private static ImageSet drawn(ImageSet images, FinetuneOptions options) throws IOException {
        int perClass = options.images().perClass();
        return perClass == 0 ? images : FewLabels.draw(images, perClass, options.seed());
    }

    private Parameters.Built<VitClassifier> build(Backend device, Scope owner) {
        return Parameters.build(device, owner, run.options().seed(), p -> new VitClassifier(run.model(), p));
    }

    private void beginWithEncoder() throws IOException {
        Path checkpoint = Path.of(run.options().begin().checkpoint());
        try (Scope passing = backend.memory().scope("encoder")) {
            int side = run.model().encoder().image();
            Parameters.Built<Vit> encoder = VitFolder.load(checkpoint, side, backend, passing);
            VitClassifierFolder.copyEncoder(encoder.parameters(), built.parameters(), backend);
        }
    }

    /**
     * Begins a run: makes the model, writes {@code config.json}.
     *
     * @param data as the options say; stays open
     */
    public static Finetuning start(RunFolder folder, FinetuneOptions options, ImageData data, Backend backend)
            throws IOException {
        if (!data.train().labelled()
                || !data.heldOut().classes().equals(data.train().classes())) {
            throw new DataException("%s: every image must have a class, and those held out the same ones"
                    .formatted(options.images().data()));
        }
        Path checkpoint = Path.of(options.begin().checkpoint());
        List<String> classes = data.train().classes();
        VitClassifierConfig model = model(checkpoint, options, classes.size(), backend);
        Normalization normalization = VitFolder.normalization(checkpoint);
        FinetuneOptions resolved = options.resolved(drawn(data.train(), options).count());
        RunConfig.write(folder.config(), VitClassifierFolder.json(model, classes, normalization), OPTIONS, resolved);
        return new Finetuning(folder, new Description(resolved, model, normalization), data, backend);
    }

    /** Whether positions of an encoder are learned only its weights tell. */
    private static VitClassifierConfig model(Path checkpoint, FinetuneOptions options, int classes, Backend backend)
            throws IOException {
        int own = VitFolder.config(checkpoint).image();
        int side = options.size().image() == 0 ? own : options.size().image();
        try (Scope passing = backend.memory().scope("encoder")) {
            VitConfig encoder =
                    VitFolder.load(checkpoint, side, backend, passing).model().config();
            return new VitClassifierConfig(
                    encoder,
                    classes,
                    options.begin().pool(),
                    options.regularization().dropPath());
        }
    }

    /** Goes on with a run as its folder describes it. */
    public static Finetuning resume(RunFolder folder, ImageData data, Backend backend) throws IOException {
        var run = new Description(
                options(folder.path()),
                VitClassifierFolder.config(folder.path()),
                VitClassifierFolder.normalization(folder.path()));
        return new Finetuning(folder, run, data, backend);
    }

    /** The options that a run was started with. */
    public static FinetuneOptions options(Path folder) throws IOException {
        return RunConfig.options(folder.resolve("config.json"), OPTIONS, FinetuneOptions.class, Map.of());
    }

    public FinetuneOptions options() {
        return run.options();
    }

    public VitClassifier model() {
        return built.model();
    }

    /** What is trained on. */
    public ImageSet train() {
        return train;
    }

    /** Counts the images that could not be read. */
    public Unreadable unreadable() {
        return unreadable;
    }

    public ClassAccuracy accuracy() {
        return accuracy;
    }

    /** What a step takes, found without running it. */
    public MemoryEstimate memory() {
        int batch = run.options().size().batch();
        var blank = new ImageBatch(new float[batch * batches.augmentation().size()], new int[batch]);
        return MemoryEstimate.of(
                (device, owner) -> objective(build(device, owner), _ -> blank),
                run.options().training(run.model()),
                backend.precision());
    }

    private ImageClasses objective(Parameters.Built<VitClassifier> model, MaskedPatches.Source source) {
        FinetuneOptions.Regularization r = run.options().regularization();
        var disturbance = new ImageClasses.Disturbance(new RandomErasing(r.erase()), r.mixing());
        int batch = run.options().size().batch();
        return new ImageClasses(model, source, batch, disturbance, run.options().seed());
    }

    /** The loop; it evaluates on held-out images; hooks are what else to do on the way. */
    public Trainer trainer(TrainingHooks hooks) {
        TrainingHooks full = hooks.evaluation() == null ? hooks.withEvaluation(accuracy) : hooks;
        return new Trainer(
                backend,
                objective(built, batches::at),
                run.options().training(run.model()),
                full.withExtraState(ExtraState.choices(backend)),
                folder);
    }

    @Override
    public void close() {
        batches.close();
        scope.close();
    }
}
