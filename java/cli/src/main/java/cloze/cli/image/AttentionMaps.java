package cloze.cli.image;

import cloze.backend.Backend;
import cloze.cli.DeviceOptions;
import cloze.cli.Subcommand;
import cloze.cli.plot.HeatMap;
import cloze.cli.plot.Sheet;
import cloze.image.Augmentation;
import cloze.image.ImageCodec;
import cloze.image.Picture;
import cloze.serve.ImageEncoder;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code cloze attention}. */
@Command(
        name = "attention",
        sortOptions = false,
        description =
                "Draws where the class token of an encoder's last block looks: a row for each image, itself, the mean"
                        + " over the heads, then every head. Colours go from the least to the most attention in each"
                        + " picture.",
        footerHeading = "%nExample:%n",
        footer = "  cloze attention --checkpoint runs/vit-tiny-32 --out attention.png cat.jpg dog.png")
public final class AttentionMaps extends Subcommand {
    private static final int SIDE = 160; // pixels of an image in the picture

    @Mixin
    private final CheckpointOption checkpoint = new CheckpointOption();

    @Option(
            names = "--out",
            paramLabel = "FILE",
            defaultValue = "attention.png",
            description = "PNG to write (default: ${DEFAULT-VALUE}).")
    private Path out = Path.of("attention.png");

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Parameters(arity = "1..*", paramLabel = "IMAGE", description = "Images of any format that is read.")
    private List<Path> images = List.of();

    @Override
    public Integer call() throws IOException {
        ImageCodec codec = ImageCodec.installed();
        List<List<Sheet.Cell>> rows = new ArrayList<>();
        try (Backend backend = device.open();
                ImageEncoder encoder = ImageEncoder.load(checkpoint.folder(), backend)) {
            for (Path file : images) {
                rows.add(row(encoder, file, codec.decode(file.toString(), Files.readAllBytes(file))));
            }
        }
        Sheet.write(out, rows, SIDE);
        out().printf(
                        Locale.ROOT,
                        "%s: each image, where the last block looks on average, and each of its heads%n",
                        out);
        out().flush();
        return 0;
    }

    private static List<Sheet.Cell> row(ImageEncoder encoder, Path file, Picture picture) {
        Augmentation view = encoder.view();
        float[] pixels = new float[view.size()];
        view.apply(picture, 0, pixels, 0);
        float[] heads = encoder.attention(pixels).getFirst(); // [H, N]
        int n = heads.length / encoder.heads();
        BufferedImage seen = Sheet.image(view.normalization().picture(pixels, view.side()));
        List<Sheet.Cell> row = new ArrayList<>();
        row.add(new Sheet.Cell(seen, "" + file.getFileName()));
        float[] mean = new float[n];
        for (int i = 0; i < heads.length; i++) {
            mean[i % n] += heads[i];
        }
        row.add(new Sheet.Cell(HeatMap.over(seen, mean, SIDE), "mean of heads"));
        for (int head = 0; head < heads.length / n; head++) {
            float[] one = Arrays.copyOfRange(heads, head * n, (head + 1) * n);
            row.add(new Sheet.Cell(HeatMap.over(seen, one, SIDE), "head " + (head + 1)));
        }
        return row;
    }
}
