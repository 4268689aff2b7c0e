package cloze.cli.image;

import cloze.backend.Backend;
import cloze.cli.DeviceOptions;
import cloze.cli.Sizes;
import cloze.cli.Subcommand;
import cloze.eval.FrozenEncoder;
import cloze.eval.ImageProbe;
import cloze.image.ImageData;
import cloze.image.Unreadable;
import cloze.model.Pooling;
import cloze.model.Vit;
import cloze.model.VitConfig;
import cloze.nn.Parameters;
import cloze.recipe.Encoders;
import cloze.serve.ImageEncoder;
import cloze.tensor.Scope;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code cloze probe}. */
@Command(
        name = "probe",
        sortOptions = false,
        description = "Measures the features of a pre-trained encoder: the accuracy of a linear probe"
                + " and of nearest neighbours on held-out images, beside the same network untrained and raw"
                + " pixels. The encoder is frozen and sees whole images.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze probe --checkpoint runs/vit-tiny-32",
            "  cloze probe --checkpoint runs/cifar --data cifar-10 --labels 10,50,250 --json"
        })
public final class Probe extends Subcommand {
    @Mixin
    private final EncoderOptions encoder = new EncoderOptions();

    @Option(names = "--class-token", description = "Take the class token for an image, not the mean of its patches.")
    private boolean classToken;

    @Option(
            names = "--labels",
            paramLabel = "N",
            split = ",",
            description =
                    "Numbers of labels a class to probe with as well, such as 10,50,250 (default: all labels only).")
    private List<Integer> labels = List.of();

    @Option(
            names = "--draws",
            paramLabel = "N",
            defaultValue = "3",
            description = "Draws of each number of labels (default: ${DEFAULT-VALUE}).")
    private int draws;

    @Option(
            names = "--neighbours",
            paramLabel = "K",
            defaultValue = "20",
            description = "Nearest neighbours that vote (default: ${DEFAULT-VALUE}).")
    private int neighbours;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "Seed of the draws and of the untrained network (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Mixin
    private final DeviceOptions device = new DeviceOptions();

    @Option(names = "--json", description = "Print the table as JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        ImageProbe probe = probe();
        try (ImageData data = encoder.data(this);
                Backend backend = device.open()) {
            err().println(backend.description().replace("\n", "; "));
            var unreadable = new Unreadable(false);
            List<ImageProbe.Row> rows = rows(probe, data, backend, unreadable);
            if (unreadable.count() > 0) {
                err().printf(Locale.ROOT, "%,d images could not be read and were left out%n", unreadable.count());
            }
            if (json) {
                printJson(facts(data, rows));
            } else {
                new ProbeTable(rows).print(out(), title(data));
            }
            out().flush();
        }
        return 0;
    }

    private List<ImageProbe.Row> rows(ImageProbe probe, ImageData data, Backend backend, Unreadable unreadable)
            throws IOException {
        VitConfig config = Encoders.config(encoder.checkpoint());
        try (Scope scope = backend.memory().scope("untrained");
                ImageEncoder trained = ImageEncoder.load(encoder.checkpoint(), backend)) {
            Vit random = Parameters.build(backend, scope, seed, p -> new Vit(config, p))
                    .model();
            var untrained = new FrozenEncoder(backend, random, trained.frozen().normalization());
            return probe.run(trained.frozen(), untrained, data, unreadable, this::progress);
        }
    }

    private ImageProbe probe() {
        try {
            Pooling pooling = classToken ? Pooling.CLASS_TOKEN : Pooling.MEAN;
            return new ImageProbe(pooling, labels, draws, neighbours, seed);
        } catch (IllegalArgumentException e) {
            throw wrongUsage("probe", e);
        }
    }

    private void progress(ImageProbe.Row row) {
        err().printf(
                        Locale.ROOT,
                        "%s, %s: linear %s, kNN %s, %s%n",
                        row.features(),
                        ProbeTable.labels(row),
                        ProbeTable.percent(row.top1()),
                        ProbeTable.percent(row.nearest()),
                        Sizes.duration(row.seconds()));
        err().flush();
    }

    private static String title(ImageData data) {
        return String.format(
                Locale.ROOT,
                "%,d images to learn from, %,d held out, %d classes",
                data.train().count(),
                data.heldOut().count(),
                data.train().classes().size());
    }

    private Map<String, Object> facts(ImageData data, List<ImageProbe.Row> rows) {
        var facts = new LinkedHashMap<String, Object>();
        facts.put("checkpoint", encoder.checkpoint().toString());
        facts.put("train_images", data.train().count());
        facts.put("test_images", data.heldOut().count());
        facts.put("classes", data.train().classes());
        facts.put("pooling", classToken ? "class_token" : "mean");
        facts.put("neighbours", neighbours);
        facts.put("draws", draws);
        facts.put("rows", rows.stream().map(Probe::facts).toList());
        return facts;
    }

    private static Map<String, Object> facts(ImageProbe.Row row) {
        var facts = new LinkedHashMap<String, Object>();
        facts.put("features", row.features());
        facts.put("dimension", row.dimension());
        facts.put("labels_per_class", row.labels() == ImageProbe.ALL ? "all" : row.labels());
        facts.put("linear_top1", row.top1());
        ImageProbe.@Nullable Share top5 = row.top5();
        if (top5 != null) {
            facts.put("linear_top5", top5);
        }
        facts.put("knn_top1", row.nearest());
        facts.put("seconds", row.seconds());
        return facts;
    }
}
