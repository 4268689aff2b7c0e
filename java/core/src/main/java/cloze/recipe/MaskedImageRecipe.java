package cloze.recipe;

import cloze.backend.Backend;
import cloze.eval.HeldOutImages;
import cloze.eval.OnlineProbe;
import cloze.eval.Reconstruction;
import cloze.foreign.Companions;
import cloze.image.ImageCodec;
import cloze.image.ImageSettings;
import cloze.image.Picture;
import cloze.image.PictureGrid;
import cloze.io.DataException;
import cloze.io.DurableFiles;
import cloze.model.MaskedImageModel;
import cloze.nn.Parameters;
import cloze.task.MaskedPatches;
import cloze.train.Evaluation;
import cloze.train.Objective;
import cloze.train.Preview;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A recipe for models of images that predict hidden patches. */
public abstract class MaskedImageRecipe<C extends Record, M extends MaskedImageModel> implements ImageRecipe<C, M> {
    private static final int EVALUATED = 512; // images
    private static final int SHOWN = 12; // images
    private static final int LEAST_SIDE = 96; // pixels of an image in a picture

    /** Stateless. */
    protected MaskedImageRecipe() {}

    /** The config for images of so many channels. */
    protected abstract C withChannels(C config, int channels);

    /** The number of patches of an image that are hidden. */
    protected abstract int hidden(C config);

    /** The name of the loss, for a plot. */
    protected abstract String loss();

    @Override
    public Set<String> without() {
        return Set.of(
                "start.",
                "settings.length.tokens",
                "settings.batch.recompute",
                "settings.optimization.layerDecay",
                "settings.guards.patience");
    }

    @Override
    public Companions companions(Preset<C> preset, Path folder) throws IOException {
        return ImageRecipe.companions((ImageSettings) preset.data(), vit(preset.model()), folder);
    }

    @Override
    public Prepared<C, M> open(Preset<C> chosen, Opening opening) throws IOException {
        var settings = (ImageSettings) chosen.data();
        var images = new OpenImages(settings, opening.cache());
        try {
            if (chosen.settings().cadence().probe()
                    && !(images.data().train().labelled()
                            && images.data().heldOut().labelled())) {
                throw new DataException(String.format(
                        Locale.ROOT, "a probe needs classes, but the images of %s have none", settings.data()));
            }
            if (chosen.settings().cadence().probe()
                    && !images.data()
                            .heldOut()
                            .classes()
                            .equals(images.data().train().classes())) {
                throw new DataException(String.format(
                        Locale.ROOT,
                        "%s: a probe needs the same classes in both parts, but those held out are %s and not of %s",
                        settings.data(),
                        images.data().heldOut().classes(),
                        images.data().train().classes()));
            }
            int channels = images.channels(settings);
            C config = withChannels(chosen.model(), channels);
            Preset<C> fitted = chosen.withModel(config)
                    .withData(images.found(settings, channels))
                    .withSettings(
                            chosen.settings().inSteps(images.data().train().count(), 0));
            return new OnImages(fitted, images);
        } catch (IOException | RuntimeException e) {
            images.close();
            throw e;
        }
    }

    @Override
    public Objective random(Parameters.Built<M> model, Preset<C> preset, long seed) {
        int batch = preset.settings().batch().size();
        return new MaskedPatches(model, ImageRecipe.randomImages(vit(preset.model()), batch, seed), batch, seed);
    }

    /** A run's images. */
    private final class OnImages implements Prepared<C, M> {
        private final Preset<C> preset;
        private final ImageSettings settings;
        private final OpenImages images;
        private final int side;
        private @Nullable HeldOutImages heldOut;

        OnImages(Preset<C> preset, OpenImages images) {
            this.preset = preset;
            this.images = images;
            settings = (ImageSettings) preset.data();
            side = vit(preset.model()).image();
        }

        @Override
        public Preset<C> preset() {
            return preset;
        }

        @Override
        public Map<String, String> identity() throws IOException {
            return images.identity("classes");
        }

        @Override
        public String describe() {
            return String.format(
                    Locale.ROOT,
                    "%,d images to train on, %,d held out, %d of %d patches hidden",
                    images.data().train().count(),
                    images.data().heldOut().count(),
                    hidden(preset.model()),
                    vit(preset.model()).patches());
        }

        @Override
        public Objective objective(Parameters.Built<M> model) {
            int batch = preset.settings().batch().size();
            long seed = preset.settings().seed();
            var batches =
                    images.batches(images.data().train(), settings.augmentation(side), batch, seed, settings.threads());
            return new MaskedPatches(model, batches, batch, seed);
        }

        private HeldOutImages heldOut(Parameters.Built<M> model, Backend backend) throws IOException {
            if (heldOut == null) {
                heldOut = HeldOutImages.read(
                        backend,
                        model.model(),
                        images.data().heldOut(),
                        settings.view(side),
                        EVALUATED,
                        settings.strict());
            }
            return heldOut;
        }

        @Override
        public Evaluation evaluation(Parameters.Built<M> model, Backend backend) throws IOException {
            HeldOutImages held = heldOut(model, backend);
            if (!preset.settings().cadence().probe()) {
                return held;
            }
            var probe = new OnlineProbe(
                    backend,
                    model.model().encoder(),
                    settings.view(side).normalization(),
                    images.data(),
                    settings.strict());
            return () -> {
                Map<String, Double> metrics = new LinkedHashMap<>(held.evaluate());
                metrics.put(OnlineProbe.ACCURACY, probe.accuracy());
                return metrics;
            };
        }

        /** Draws held-out images as a row each of {@link Reconstruction#pictures}, two rows side by side. */
        @Override
        public Preview preview(Parameters.Built<M> model, Backend backend, Path folder) throws IOException {
            HeldOutImages held = heldOut(model, backend);
            return step -> {
                Path file = folder.resolve(String.format(Locale.ROOT, "reconstruction-%06d.png", step));
                try {
                    DurableFiles.refuseLink(file);
                    Files.write(file, ImageCodec.installed().png(PictureGrid.draw(grid(held), LEAST_SIDE)));
                } catch (IOException e) {
                    throw new UncheckedIOException(e.getMessage(), e);
                }
                return "" + file.getFileName();
            };
        }

        @Override
        public Summary summary(Parameters.Built<M> model, Backend backend, List<TrainingEvent> events)
                throws IOException {
            Map<String, Object> facts = Summary.facts(events);
            List<String> lines = new ArrayList<>();
            lines.add(String.format(
                    Locale.ROOT,
                    "held-out images: loss %.4f over the hidden patches",
                    Summary.metrics(events).getOrDefault(HeldOutImages.LOSS, Double.NaN)));
            if (!model.model().normalizes()) {
                HeldOutImages.Marks marks = heldOut(model, backend).marks();
                lines.add(String.format(
                        Locale.ROOT,
                        "hidden pixels filled in: %.2f dB; by the mean colour of the seen ones %.2f dB, by inverse"
                                + " distance %.2f dB",
                        marks.model(),
                        marks.meanColour(),
                        marks.inverseDistance()));
                facts.put("psnr_mean_colour", marks.meanColour());
                facts.put("psnr_inverse_distance", marks.inverseDistance());
            }
            facts.put("unreadable_images", unreadable());
            return new Summary(loss(), Map.of(), lines, facts);
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

    private static List<List<Picture>> grid(HeldOutImages held) {
        Reconstruction made = held.reconstruction(0);
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
        return grid;
    }
}
