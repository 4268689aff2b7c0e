package cloze.cli.image;

import cloze.backend.Backend;
import cloze.cli.Cache;
import cloze.cli.DeviceOptions;
import cloze.cli.Subcommand;
import cloze.cli.plot.Sheet;
import cloze.image.ImageCodec;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.Picture;
import cloze.image.Unreadable;
import cloze.serve.ImageEncoder;
import cloze.serve.ImageIndex;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code cloze nearest}. */
@Command(
        name = "nearest",
        sortOptions = false,
        description = "Finds the images that are most alike to others, by the cosine of an encoder's vectors, and draws"
                + " them: a row for each, itself first. The vectors can be kept in a file for the next time.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze nearest --checkpoint runs/photos --data photos/ cat.jpg",
            "  cloze nearest --checkpoint runs/photos --data photos/ --index photos.index cat.jpg dog.jpg",
            "  cloze nearest --checkpoint runs/photos --index photos.index --json bird.png"
        })
public final class NearestImages extends Subcommand {
    private static final int SIDE = 140; // pixels of an image in the picture

    @Mixin
    private final CheckpointOption checkpoint = new CheckpointOption();

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description =
                    "Images to search: a folder, a list of files, IDX, .tar, .parquet, or the name of an installed"
                            + " set.")
    private @Nullable String data;

    @Option(
            names = "--index",
            paramLabel = "FILE",
            description = "File of their vectors: read if it exists, else written (default: none).")
    private @Nullable Path index;

    @Option(
            names = "--neighbours",
            paramLabel = "K",
            defaultValue = "5",
            description = "How many to find for each image (default: ${DEFAULT-VALUE}).")
    private int neighbours;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            defaultValue = "nearest.png",
            description = "PNG to write (default: ${DEFAULT-VALUE}).")
    private Path out = Path.of("nearest.png");

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Parameters(arity = "1..*", paramLabel = "IMAGE", description = "Images of any format that is read.")
    private List<Path> queries = List.of();

    @Override
    public Integer call() throws IOException {
        if (neighbours < 1) {
            throw wrongUsage("--neighbours must be 1 or more, but it is " + neighbours);
        }
        if (data == null && (index == null || !Files.exists(index))) {
            throw wrongUsage("there is nothing to search: give --data, or an --index that exists");
        }
        try (ImageSet images = data == null ? null : ImageData.all(data, Cache.folder());
                Backend backend = device.open();
                ImageEncoder encoder = ImageEncoder.load(checkpoint.folder(), backend)) {
            ImageIndex known = known(images, encoder);
            List<float[]> vectors = encoder.encodeFiles(queries);
            List<List<ImageIndex.Neighbour>> found = new ArrayList<>();
            for (float[] vector : vectors) {
                found.add(known.nearest(vector, neighbours));
            }
            report(found);
            draw(found, images);
        }
        return 0;
    }

    private ImageIndex known(@Nullable ImageSet images, ImageEncoder encoder) throws IOException {
        if (index != null && Files.exists(index)) {
            ImageIndex known = ImageIndex.load(index);
            if (known.width() != encoder.width()) {
                throw new IOException(String.format(
                        Locale.ROOT,
                        "%s holds vectors [%d], but those of this encoder are [%d]",
                        index,
                        known.width(),
                        encoder.width()));
            }
            return known;
        }
        if (images == null) {
            throw new IllegalStateException("no images"); // call() has asked for them
        }
        var unreadable = new Unreadable(false);
        var known = new ImageIndex(encoder.width());
        known.add(encoder, images, unreadable);
        err().printf(Locale.ROOT, "%,d images indexed, %,d could not be read%n", known.count(), unreadable.count());
        if (index != null) {
            known.save(index);
        }
        return known;
    }

    private void report(List<List<ImageIndex.Neighbour>> found) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (int i = 0; i < found.size(); i++) {
            if (!json) {
                out().println(queries.get(i));
                found.get(i).forEach(n -> out().println(line(n)));
            }
            var facts = new LinkedHashMap<String, Object>();
            facts.put("image", queries.get(i).toString());
            facts.put("nearest", found.get(i));
            all.add(facts);
        }
        if (json) {
            printJson(all);
        }
        out().flush();
    }

    private static String line(ImageIndex.Neighbour neighbour) {
        return String.format(Locale.ROOT, "  %.4f  %s", neighbour.cosine(), neighbour.name());
    }

    private void draw(List<List<ImageIndex.Neighbour>> found, @Nullable ImageSet images) throws IOException {
        Map<String, Integer> places = new HashMap<>();
        for (int i = 0; images != null && i < images.count(); i++) {
            places.put(images.name(i), i);
        }
        ImageCodec codec = ImageCodec.installed();
        List<List<Sheet.Cell>> rows = new ArrayList<>();
        for (int i = 0; i < found.size(); i++) {
            List<Sheet.Cell> row = new ArrayList<>();
            Path query = queries.get(i);
            row.add(new Sheet.Cell(Sheet.image(picture(codec, query)), "" + query.getFileName()));
            for (ImageIndex.Neighbour n : found.get(i)) {
                Integer place = places.get(n.name());
                Picture picture =
                        images != null && place != null ? images.read(place) : picture(codec, Path.of(n.name()));
                String name = "" + Path.of(n.name()).getFileName();
                row.add(new Sheet.Cell(Sheet.image(picture), String.format(Locale.ROOT, "%s  %.3f", name, n.cosine())));
            }
            rows.add(row);
        }
        Sheet.write(out, rows, SIDE);
        err().printf(Locale.ROOT, "%s: each image and those that are most alike%n", out);
    }

    private static Picture picture(ImageCodec codec, Path file) throws IOException {
        if (!Files.exists(file)) {
            throw new IOException(file + " of the index is no file here: give the --data that it was made of");
        }
        return codec.decode(file.toString(), Files.readAllBytes(file));
    }
}
