package cloze.eval;

import cloze.backend.Backend;
import cloze.image.FewLabels;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.Unreadable;
import cloze.io.DataException;
import cloze.model.Pooling;
import cloze.stat.Features;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The quality of a frozen encoder's features, by a linear probe and nearest neighbours. The baselines are the untrained
 * network and raw pixels.
 *
 * @param pooling of the tokens of an image
 * @param labels numbers of labels a class that are probed besides all labels
 * @param draws of each of these numbers
 * @param neighbours k
 * @param seed of the draws, and of the untrained network
 */
public record ImageProbe(Pooling pooling, List<Integer> labels, int draws, int neighbours, long seed) {
    /** The labels of a row that has them all. */
    public static final int ALL = 0;

    private static final int SEVERAL = 5; // classes, beyond which one of the five likeliest is counted too

    public ImageProbe {
        labels = labels.stream().sorted().toList();
        require("labels per class", "1 or more", labels, labels.stream().allMatch(n -> n >= 1));
        require("draws", "1 or more", draws, draws >= 1);
        require("neighbours", "1 or more", neighbours, neighbours >= 1);
    }

    private static void require(String what, String expected, Object actual, boolean holds) {
        if (!holds) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "%s must be %s, but it is %s", what, expected, actual));
        }
    }

    /** Mean and standard deviation over draws; the deviation is 0 for one. */
    public record Share(double mean, double deviation) {
        static Share of(List<Double> values) {
            double mean = values.stream().mapToDouble(v -> v).average().orElse(Double.NaN);
            double squares =
                    values.stream().mapToDouble(v -> (v - mean) * (v - mean)).sum();
            return new Share(mean, values.size() > 1 ? Math.sqrt(squares / (values.size() - 1)) : 0);
        }
    }

    /**
     * A row of the table: accuracies on the test images.
     *
     * @param features name of their source
     * @param dimension D
     * @param labels a class, or {@link #ALL}
     * @param top5 null for few classes
     * @param seconds that the features of all images took, and the probes
     */
    public record Row(
            String features,
            int dimension,
            int labels,
            Share top1,
            @Nullable Share top5,
            Share nearest,
            double seconds) {}

    /** Training and test features from one place. */
    private record Source(String name, Features train, Features test, double seconds) {}

    /** Makes the features of a set. */
    private interface Maker {
        Features of(ImageSet images, Unreadable unreadable) throws IOException;
    }

    /**
     * Runs all probes.
     *
     * @param untrained the same network with initial values
     * @param found receives each row when it is done
     * @return the rows, all labels first, then from few to many
     */
    public List<Row> run(
            FrozenEncoder encoder, FrozenEncoder untrained, ImageData data, Unreadable unreadable, Consumer<Row> found)
            throws IOException {
        if (!data.train().classes().equals(data.heldOut().classes())) {
            throw new DataException(String.format(
                    Locale.ROOT,
                    "the classes of the images to learn from and of those held out differ: %s and %s",
                    data.train().classes(),
                    data.heldOut().classes()));
        }
        List<Row> rows = new ArrayList<>();
        Backend backend = encoder.backend();
        Maker trained = (set, u) -> ImageFeatures.of(encoder, pooling, set, u);
        probe(source("encoder", data, unreadable, trained), data, backend, rows, found);
        Maker random = (set, u) -> ImageFeatures.of(untrained, pooling, set, u);
        probe(source("untrained", data, unreadable, random), data, backend, rows, found);
        Maker pixels = (set, u) -> ImageFeatures.pixels(encoder.view(), set, u);
        probe(source("raw pixels", data, unreadable, pixels), data, backend, rows, found);
        rows.sort(Comparator.comparingInt(Row::labels)); // stable
        return rows;
    }

    private static Source source(String name, ImageData data, Unreadable unreadable, Maker maker) throws IOException {
        long began = System.nanoTime();
        Features train = maker.of(data.train(), unreadable);
        Features test = maker.of(data.heldOut(), new Unreadable(false));
        return new Source(name, train, test, (System.nanoTime() - began) / 1e9);
    }

    private void probe(Source source, ImageData data, Backend backend, List<Row> rows, Consumer<Row> found)
            throws DataException {
        add(row(source, ALL, List.of(source.train), backend), rows, found);
        for (int n : labels) {
            List<Features> draws = new ArrayList<>();
            for (int draw = 0; draw < this.draws; draw++) {
                Features all = source.train;
                draws.add(all.subset(
                        FewLabels.draw(all.count(), all::label, data.train().classes(), n, seed + draw)));
            }
            add(row(source, n, draws, backend), rows, found);
        }
    }

    private static void add(Row row, List<Row> rows, Consumer<Row> found) {
        rows.add(row);
        found.accept(row);
    }

    private Row row(Source source, int labels, List<Features> draws, Backend backend) {
        long began = System.nanoTime();
        List<Double> top1 = new ArrayList<>();
        List<Double> top5 = new ArrayList<>();
        List<Double> nearest = new ArrayList<>();
        for (Features train : draws) {
            List<Double> shares = LinearProbe.fit(backend, train).accuracy(source.test, 1, 5);
            top1.add(shares.getFirst());
            top5.add(shares.getLast());
            nearest.add(NearestNeighbours.accuracy(backend, train, source.test, neighbours));
        }
        double seconds = (System.nanoTime() - began) / 1e9 + (labels == ALL ? source.seconds : 0);
        return new Row(
                source.name,
                source.train.width(),
                labels,
                Share.of(top1),
                source.train.classes() > SEVERAL ? Share.of(top5) : null,
                Share.of(nearest),
                seconds);
    }
}
