package cloze.recipe;

import cloze.backend.Backend;
import cloze.checkpoint.ConfigJson;
import cloze.eval.HeldOutImages;
import cloze.eval.OnlineProbe;
import cloze.eval.Reconstruction;
import cloze.foreign.MaeFolder;
import cloze.foreign.SimMimFolder;
import cloze.foreign.VitFolder;
import cloze.image.Augmentation;
import cloze.image.ImageBatch;
import cloze.image.ImageBatches;
import cloze.image.ImageCodec;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.Normalization;
import cloze.image.Picture;
import cloze.image.PictureGrid;
import cloze.image.Unreadable;
import cloze.io.DataException;
import cloze.model.Mae;
import cloze.model.MaskedImageModel;
import cloze.model.SimMim;
import cloze.nn.Parameters;
import cloze.task.MaskedPatches;
import cloze.tensor.Scope;
import cloze.train.ExtraState;
import cloze.train.MemoryEstimate;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingHooks;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Pre-trains a masked autoencoder, or a SimMIM, on images into a run folder, from the start or from where a run was interrupted:
 *
 * <pre>
 * try (RunFolder folder = RunFolder.create(path);
 *         MaePretraining run = MaePretraining.start(folder, MaeOptions.of("vit-tiny-32"), backend, cache)) {
 *     run.trainer(TrainingHooks.NONE).run();
 * }
 * </pre>
 */
public final class MaePretraining implements AutoCloseable {
    private static final String OPTIONS = "pretraining";
    private static final String NORMALIZATION = "normalization";
    private static final int LOOKED_AT = 64; // images, to tell grey from colour
    private static final int EVALUATED = 512; // images
    private static final int SHOWN = 12; // images
    private static final int LEAST_SIDE = 96; // pixels of an image in a picture

    private final RunFolder folder;
    private final MaeOptions options;
    private final Backend backend;
    private final ImageData data;
    private final Unreadable unreadable;
    private final ImageBatches batches;
    private final Scope scope;
    private final Parameters.Built<MaskedImageModel> built;
    private final HeldOutImages heldOut;
    private final @Nullable OnlineProbe probe;

    private MaePretraining(
            RunFolder folder, MaeOptions options, Normalization normalization, Backend backend, ImageData data)
            throws IOException {
        this.folder = folder;
        this.options = options;
        this.backend = backend;
        this.data = data;
        MaeOptions.Images images = options.images();
        unreadable = new Unreadable(images.strict());
        var augmentation = new Augmentation(options.size().image(), images.leastArea(), images.flip(), normalization);
        batches = new ImageBatches(
                data.train(), augmentation, options.size().batch(), options.seed(), images.threads(), unreadable);
        scope = backend.memory().scope("model");
        built = build(backend, scope);
        heldOut = HeldOutImages.read(
                backend,
                built.model(),
                data.heldOut(),
                Augmentation.none(options.size().image(), normalization),
                EVALUATED,
                images.strict());
        probe = options.watch().probe()
                ? new OnlineProbe(backend, built.model().encoder(), normalization, data, images.strict())
                : null;
    }

    private Parameters.Built<MaskedImageModel> build(Backend device, Scope owner) {
        return Parameters.build(device, owner, options.seed(), p -> switch (options.method()) {
            case MAE -> new Mae(options.mae(), p);
            case SIMMIM -> new SimMim(options.simMim(), p);
        });
    }

    /**
     * Begins a run: opens the images, makes the model, writes {@code config.json}.
     *
     * @param cache folder of the sets that are installed
     */
    public static MaePretraining start(RunFolder folder, MaeOptions options, Backend backend, Path cache)
            throws IOException {
        ImageData data =
                ImageData.open(options.images().data(), cache, options.images().heldOut());
        int channels = options.size().channels() > 0 ? options.size().channels() : channels(data.train());
        if (options.watch().probe()
                && !(data.train().labelled() && data.heldOut().labelled())) {
            throw new DataException("a probe needs classes, but the images of %s have none"
                    .formatted(options.images().data()));
        }
        MaeOptions resolved = options.resolved(channels, data.train().count());
        Normalization normalization = Normalization.of(data.train(), channels);
        Map<String, Object> json = new LinkedHashMap<>(
                switch (resolved.method()) {
                    case MAE -> MaeFolder.json(resolved.mae());
                    case SIMMIM -> SimMimFolder.json(resolved.simMim());
                });
        json.put(NORMALIZATION, normalization);
        RunConfig.write(folder.config(), json, OPTIONS, resolved);
        return new MaePretraining(folder, resolved, normalization, backend, data);
    }

    /** Goes on with a run as its folder describes it. */
    public static MaePretraining resume(RunFolder folder, Backend backend, Path cache) throws IOException {
        MaeOptions options = options(folder);
        ImageData data =
                ImageData.open(options.images().data(), cache, options.images().heldOut());
        return new MaePretraining(folder, options, VitFolder.normalization(folder.path()), backend, data);
    }

    /** 1 if the first images are grey, all of them, else 3. */
    private static int channels(ImageSet images) {
        for (int i = 0; i < Math.min(LOOKED_AT, images.count()); i++) {
            if (isColour(images, i)) {
                return 3;
            }
        }
        return 1;
    }

    private static boolean isColour(ImageSet images, int i) {
        try {
            return images.read(i).channels() == 3;
        } catch (IOException e) {
            return false; // it is counted when it is its turn
        }
    }

    /** The options that a run was started with. */
    public static MaeOptions options(RunFolder folder) throws IOException {
        return options(folder.config());
    }

    private static MaeOptions options(Path file) throws IOException {
        return RunConfig.options(file, OPTIONS, MaeOptions.class, Map.of("watch", Map.of("probe", false)));
    }

    /** The images that the model of a folder was trained on, if it is that of a run. */
    public static Optional<MaeOptions.Images> images(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        return json.has(OPTIONS) ? Optional.of(options(json.file()).images()) : Optional.empty();
    }

    public MaeOptions options() {
        return options;
    }

    public MaskedImageModel model() {
        return built.model();
    }

    public Parameters parameters() {
        return built.parameters();
    }

    public ImageData data() {
        return data;
    }

    /** Counts the images that could not be read. */
    public Unreadable unreadable() {
        return unreadable;
    }

    public HeldOutImages heldOut() {
        return heldOut;
    }

    /** What a step takes, found without running it. */
    public MemoryEstimate memory() {
        var blank = new ImageBatch(
                new float[options.size().batch() * batches.augmentation().size()],
                new int[options.size().batch()]);
        return MemoryEstimate.of(
                (device, owner) -> objective(build(device, owner), _ -> blank),
                options.training(),
                backend.precision());
    }

    private MaskedPatches objective(Parameters.Built<MaskedImageModel> model, MaskedPatches.Source source) {
        return new MaskedPatches(
                model.model(), model.parameters(), source, options.size().batch(), options.seed());
    }

    /** The loop; it evaluates on held-out images and draws some of them; hooks are what else to do on the way. */
    public Trainer trainer(TrainingHooks hooks) {
        TrainingHooks full = hooks.evaluation() == null ? hooks.withEvaluation(this::evaluate) : hooks;
        full = full.sampling() == null ? full.withSampling(this::picture) : full;
        return new Trainer(
                backend,
                objective(built, batches::at),
                options.training(),
                full.withExtraState(ExtraState.choices(backend)),
                folder);
    }

    /** Of the held-out images, {@code val_loss} and what belongs to it; {@code probe_accuracy} if it is wanted. */
    private Map<String, Double> evaluate() {
        Map<String, Double> metrics = new LinkedHashMap<>(heldOut.evaluate());
        if (probe != null) {
            metrics.put("probe_accuracy", probe.accuracy());
        }
        return metrics;
    }

    /**
     * Draws held-out images as a row each of {@link Reconstruction#pictures}, two rows side by side.
     *
     * @return the file in the run's folder
     */
    private String picture(long step) {
        Reconstruction made = heldOut.reconstruction(0);
        int rows = Math.min(SHOWN, made.count());
        List<List<Picture>> grid = new ArrayList<>();
        for (int i = 0; i + 1 < rows; i += 2) {
            List<Picture> row = new ArrayList<>(made.pictures(i));
            row.addAll(made.pictures(i + 1));
            grid.add(row);
        }
        if (grid.isEmpty()) {
            grid.add(made.pictures(0));
        }
        Path file = folder.path().resolve("reconstruction-%06d.png".formatted(step));
        try {
            Files.write(file, ImageCodec.installed().png(PictureGrid.draw(grid, LEAST_SIDE)));
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
        return file.getFileName().toString();
    }

    @Override
    public void close() throws IOException {
        batches.close();
        if (probe != null) {
            probe.close();
        }
        scope.close();
        data.close();
    }
}
