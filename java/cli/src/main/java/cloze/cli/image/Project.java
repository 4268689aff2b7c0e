package cloze.cli.image;

import cloze.backend.Backend;
import cloze.cli.DeviceOptions;
import cloze.cli.Subcommand;
import cloze.cli.plot.ScatterPlot;
import cloze.eval.ImageFeatures;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.Unreadable;
import cloze.model.Pooling;
import cloze.serve.ImageEncoder;
import cloze.stat.Features;
import cloze.stat.PrincipalComponents;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze project}. */
@Command(
        name = "project",
        sortOptions = false,
        description = "Draws an encoder's vectors of held-out images as points: their first two principal components,"
                + " coloured by class.",
        footerHeading = "%nExample:%n",
        footer = "  cloze project --checkpoint runs/cifar --data cifar-10 --out classes.png")
public final class Project extends Subcommand {
    @Mixin
    private final EncoderOptions encoder = new EncoderOptions();

    @Option(names = "--class-token", description = "Take the class token for an image, not the mean of its patches.")
    private boolean classToken;

    @Option(
            names = "--most",
            paramLabel = "N",
            defaultValue = "2000",
            description = "Images to draw, evenly from all held out (default: ${DEFAULT-VALUE}).")
    private int most;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            defaultValue = "projection.png",
            description = "PNG to write (default: ${DEFAULT-VALUE}).")
    private Path out = Path.of("projection.png");

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Override
    public Integer call() throws IOException {
        if (most < 2) {
            throw wrongUsage("--most must be 2 or more, but it is " + most);
        }
        Pooling pooling = classToken ? Pooling.CLASS_TOKEN : Pooling.MEAN;
        try (ImageData data = encoder.data(this);
                Backend backend = device.open();
                ImageEncoder vit = ImageEncoder.load(encoder.checkpoint(), backend)) {
            Features features = ImageFeatures.of(vit.frozen(), pooling, some(data.heldOut()), new Unreadable(false));
            List<float[]> rows =
                    IntStream.range(0, features.count()).mapToObj(features::row).toList();
            var components = PrincipalComponents.of(rows, 2);
            ScatterPlot.write(
                    out,
                    encoder.checkpoint().toString(),
                    components,
                    features,
                    data.heldOut().classes());
            out().printf(
                            Locale.ROOT,
                            "%s: %,d images, %.1f %% of the variance of their %d numbers%n",
                            out,
                            features.count(),
                            100
                                    * (components.shares().get(0)
                                            + components.shares().get(1)),
                            features.width());
            out().flush();
        }
        return 0;
    }

    private ImageSet some(ImageSet images) {
        int count = Math.min(most, images.count());
        List<Integer> chosen = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            chosen.add((int) ((long) i * images.count() / count));
        }
        return images.subset(chosen);
    }
}
