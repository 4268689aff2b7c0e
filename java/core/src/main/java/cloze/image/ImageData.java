package cloze.image;

import cloze.io.DataException;
import cloze.io.FolderFiles;
import cloze.stat.Permutation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.ServiceLoader;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Training images and held-out images.
 *
 * @param train images to train on
 * @param heldOut images that are never trained on
 */
public record ImageData(ImageSet train, ImageSet heldOut) implements AutoCloseable {
    /** Clothes, greyscale, 28 x 28; the default. */
    public static final String FASHION_MNIST = "fashion-mnist";

    /** Objects and animals in colour, 32 x 32. */
    public static final String CIFAR_10 = "cifar-10";

    private static final List<String> FASHION = List.of(
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot");
    private static final List<String> DIGITS =
            IntStream.range(0, 10).mapToObj(Integer::toString).toList();
    private static final List<String> CIFAR =
            List.of("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck");
    private static final List<String> HELD_OUT = List.of("val", "valid", "validation", "test");
    private static final long SPLIT = 0x5b1a7; // a fixed seed: every run holds out the same images

    /**
     * Opens images by a user's argument.
     *
     * @param data a folder of images (sub-folders are classes; if they are {@code train} and {@code val} or
     *     {@code test}, the second is held out), a folder of archives (shards of one set; parts are told by names that
     *     begin with {@code train-} and so on), a list of files ({@code .txt}, {@code .tsv}), IDX images, an archive
     *     that {@link ImageArchive} reads, or the name of an installed set
     * @param cache folder of installed sets ({@code data/NAME})
     * @param heldOut share to hold out if the data have no split
     */
    public static ImageData open(String data, Path cache, double heldOut) throws IOException {
        Path path = path(data, cache);
        ImageData known = known(path);
        if (known != null) {
            return known;
        }
        Path train = path.resolve("train");
        if (Files.isDirectory(train)) {
            for (String name : HELD_OUT) {
                if (Files.isDirectory(path.resolve(name))) {
                    return parts(set(train), set(path.resolve(name)));
                }
            }
        }
        boolean isFolder = Files.isDirectory(path);
        List<Path> files = isFolder ? FolderFiles.of(path) : List.of(); // once: there may be millions
        List<Path> shards = shards(files);
        for (String name : HELD_OUT) {
            List<Path> learnt = part(shards, "train");
            List<Path> held = part(shards, name);
            if (!learnt.isEmpty() && !held.isEmpty()) {
                return parts(joined(learnt), joined(held));
            }
        }
        ImageSet all = isFolder ? folder(path, files, shards) : set(path);
        ImageSet inside = all.inside("train");
        for (String name : HELD_OUT) {
            ImageSet held = all.inside(name);
            if (inside != null && held != null) {
                return parts(inside, held);
            }
        }
        return split(all, heldOut);
    }

    /** Two parts whose classes have one numbering, that of the images to train on: a part may lack a class. */
    private static ImageData parts(ImageSet train, ImageSet held) {
        List<String> classes = train.classes();
        List<Integer> numbers = held.classes().stream().map(classes::indexOf).toList();
        boolean known = !numbers.isEmpty() && !numbers.contains(-1) && !classes.equals(held.classes());
        return new ImageData(train, known ? new Renumbered(held, classes, numbers) : held);
    }

    /** A set whose classes are some of others, by their numbers there. Closing it closes the set. */
    private record Renumbered(ImageSet set, List<String> classes, List<Integer> numbers) implements ImageSet {
        @Override
        public int count() {
            return set.count();
        }

        @Override
        public String name(int i) {
            return set.name(i);
        }

        @Override
        public int label(int i) {
            int label = set.label(i);
            return label < 0 ? label : numbers.get(label);
        }

        @Override
        public Picture read(int i) throws IOException {
            return set.read(i);
        }

        @Override
        public void close() throws IOException {
            set.close();
        }
    }

    /** The archives among files, unless images are among them too. */
    private static List<Path> shards(List<Path> files) throws IOException {
        if (files.isEmpty()) {
            return List.of(); // IDX needs no codec
        }
        ImageCodec codec = ImageCodec.installed();
        boolean hasImages = files.stream().anyMatch(file -> codec.reads(file.toString()));
        List<ImageArchive> archives = archives();
        return hasImages
                ? List.of()
                : files.stream()
                        .filter(file -> archives.stream().anyMatch(archive -> archive.reads(file)))
                        .toList();
    }

    /** Shards of one part of a data set, as Hugging Face names them: {@code train-00000-of-00002.parquet}. */
    private static List<Path> part(List<Path> shards, String name) {
        return shards.stream()
                .filter(file -> file.getFileName().toString().matches(name + "[-_.].*"))
                .toList();
    }

    private static ImageSet folder(Path folder, List<Path> files, List<Path> shards) throws IOException {
        return shards.isEmpty() ? ImageFiles.folder(folder, files, ImageCodec.installed()) : joined(shards);
    }

    private static ImageSet joined(List<Path> shards) throws IOException {
        List<ImageSet> sets = new ArrayList<>();
        try {
            for (Path shard : shards) {
                sets.add(set(shard));
            }
            return sets.size() == 1 ? sets.getFirst() : new JoinedImages(sets);
        } catch (IOException e) {
            for (ImageSet set : sets) {
                set.close();
            }
            throw e;
        }
    }

    private static List<ImageArchive> archives() {
        return ServiceLoader.load(ImageArchive.class).stream()
                .map(ServiceLoader.Provider::get)
                .toList();
    }

    private static Path path(String data, Path cache) throws IOException {
        Path path = Path.of(data);
        Path installed = cache.resolve("data").resolve(data);
        if (!Files.exists(path) && !Files.exists(installed)) {
            throw new DataException(String.format(
                    Locale.ROOT,
                    "no images '%1$s': it is no file or folder, and not installed (build-scripts/data %1$s installs it if it is one of the named sets)",
                    data));
        }
        return Files.exists(path) ? path : installed;
    }

    /** Opens a folder of one of the sets that build-scripts/data installs; null if it is none. */
    private static @Nullable ImageData known(Path folder) throws IOException {
        if (Files.exists(folder.resolve("train-images-idx3-ubyte.gz"))) {
            return new ImageData(idx(folder, "train"), idx(folder, "t10k"));
        }
        if (Files.exists(folder.resolve("data_batch_1.png"))) {
            List<Path> batches = IntStream.rangeClosed(1, 5)
                    .mapToObj(i -> folder.resolve(String.format(Locale.ROOT, "data_batch_%d.png", i)))
                    .toList();
            return new ImageData(
                    cifar(batches, folder.resolve("train_lables.json")),
                    cifar(List.of(folder.resolve("test_batch.png")), folder.resolve("test_lables.json")));
        }
        return null;
    }

    private static ImageSet idx(Path folder, String part) throws IOException {
        List<String> classes = folder.endsWith(FASHION_MNIST) ? FASHION : DIGITS; // MNIST has files of the same names
        return IdxImages.read(
                folder.resolve(part + "-images-idx3-ubyte.gz"),
                folder.resolve(part + "-labels-idx1-ubyte.gz"),
                classes);
    }

    private static ImageSet cifar(List<Path> files, Path labels) throws IOException {
        return PackedImages.read(files, labels, 32, CIFAR, ImageCodec.installed());
    }

    /** Opens all images of a folder, which may hold archives instead, of a list or of an archive. */
    public static ImageSet set(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            List<Path> files = FolderFiles.of(path);
            return folder(path, files, shards(files));
        }
        for (ImageArchive archive : archives()) {
            if (archive.reads(path)) {
                return archive.open(path, ImageCodec.installed());
            }
        }
        return switch (ImageCodec.ending(path)) {
            case "txt", "tsv" -> ImageFiles.list(path, ImageCodec.installed());
            case "gz", "idx", "idx3-ubyte" -> IdxImages.read(path);
            default ->
                throw new DataException(
                        path,
                        "name",
                        "a folder of images, a list of files (.txt, .tsv), IDX (.gz, .idx), or an archive (.tar,"
                                + " .tar.gz, .parquet)",
                        "a file of another kind");
        };
    }

    /** Opens all images of a user's argument; of an installed set, the training images. */
    public static ImageSet all(String data, Path cache) throws IOException {
        Path path = path(data, cache);
        ImageData known = known(path);
        return known == null ? set(path) : known.train();
    }

    private static ImageData split(ImageSet all, double share) throws IOException {
        int n = all.count();
        int held = (int) Math.round(n * share);
        if (held < 1 || held >= n) {
            throw new DataException(String.format(
                    Locale.ROOT, "%d images are too few to train on some and hold out %s of them", n, share));
        }
        var order = new Permutation(n, SPLIT);
        List<Integer> shuffled = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            shuffled.add((int) order.at(i));
        }
        List<Integer> test = shuffled.subList(0, held);
        List<Integer> train = shuffled.subList(held, n);
        test.sort(Comparator.naturalOrder());
        train.sort(Comparator.naturalOrder());
        return new ImageData(all.subset(train), all.subset(test));
    }

    @Override
    public void close() throws IOException {
        train.close();
        heldOut.close();
    }
}
