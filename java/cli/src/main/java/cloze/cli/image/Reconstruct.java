package cloze.cli.image;

import cloze.backend.Backend;
import cloze.cli.DeviceOptions;
import cloze.cli.Subcommand;
import cloze.eval.Reconstruction;
import cloze.image.Augmentation;
import cloze.image.ImageCodec;
import cloze.image.Normalization;
import cloze.image.Picture;
import cloze.image.PictureGrid;
import cloze.model.MaskedImageModel;
import cloze.model.VitConfig;
import cloze.recipe.Models;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code cloze reconstruct}. */
@Command(
        name = "reconstruct",
        description =
                "Hides patches of images and fills them in: a picture with a row for each image, as it is, with hidden"
                        + " patches, the prediction, and the prediction in hidden patches only.",
        footerHeading = "%nExample:%n",
        footer = "  cloze reconstruct --checkpoint runs/vit-tiny-32 --out filled.png cat.jpg dog.png")
public final class Reconstruct extends Subcommand {
    private static final int LEAST_SIDE = 160; // pixels of an image in the picture

    @Option(
            names = "--checkpoint",
            paramLabel = "DIR",
            required = true,
            description = "Run folder of a masked autoencoder or SimMIM, or a masked autoencoder of Hugging Face.")
    private Path checkpoint = Path.of("");

    @Option(
            names = "--out",
            paramLabel = "FILE",
            defaultValue = "reconstruction.png",
            description = "PNG to write (default: ${DEFAULT-VALUE}).")
    private Path out = Path.of("reconstruction.png");

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Seed of the masks (default: 0).")
    private long seed;

    @Parameters(arity = "1..*", paramLabel = "IMAGE", description = "Images of any format that is read.")
    private List<Path> images = List.of();

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Override
    public Integer call() throws IOException {
        ImageCodec codec = ImageCodec.installed();
        try (Backend backend = device.open();
                Scope scope = backend.memory().scope("model")) {
            Models.Loaded<MaskedImageModel> loaded = Models.maskedImages(checkpoint, backend, scope);
            MaskedImageModel model = loaded.model();
            Normalization normalization = loaded.companions().normalization(checkpoint);
            float[] pixels = pixels(codec, model.encoder().config(), normalization);
            Reconstruction made = Reconstruction.of(backend, model, normalization, pixels, seed, 0);
            List<List<Picture>> rows = new ArrayList<>();
            for (int i = 0; i < made.count(); i++) {
                rows.add(made.pictures(i));
            }
            Files.write(out, codec.png(PictureGrid.draw(rows, LEAST_SIDE)));
        }
        out().printf(Locale.ROOT, "%s: each image, with hidden patches, as predicted, and filled in%n", out);
        out().flush();
        return 0;
    }

    private float[] pixels(ImageCodec codec, VitConfig config, Normalization normalization) throws IOException {
        var view = Augmentation.none(config.image(), normalization);
        var pixels = new float[images.size() * view.size()];
        for (int i = 0; i < images.size(); i++) {
            Path file = images.get(i);
            view.apply(codec.decode(file.toString(), Files.readAllBytes(file)), 0, pixels, i * view.size());
        }
        return pixels;
    }
}
