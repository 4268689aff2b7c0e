package cloze.recipe;

import cloze.image.Augmentation;
import cloze.image.ImageBatches;
import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.image.ImageSettings;
import cloze.image.Normalization;
import cloze.image.Unreadable;
import cloze.io.Fingerprint;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The images of a run, and how many of them could not be read. */
final class OpenImages implements AutoCloseable {
    private static final int LOOKED_AT = 1000; // images all over a set, to tell grey from colour

    private static final long CHECKED_BYTES = 256L << 20; // of content; beyond it names and sizes stand for the rest
    private static final int CHECKED_FILES = 10_000;
    private final ImageData data;
    private final Path source;
    private final Unreadable unreadable;

    OpenImages(ImageSettings settings, Path cache) throws IOException {
        data = ImageData.open(settings.data(), cache, settings.heldOut());
        Path path = Path.of(settings.data());
        source = Files.exists(path) ? path : cache.resolve("data").resolve(settings.data());
        unreadable = new Unreadable(settings.strict());
    }

    /**
     * Facts that tell these images from others.
     *
     * @param classes name of the fact that holds the classes
     */
    Map<String, String> identity(String classes) throws IOException {
        var facts = new LinkedHashMap<String, String>();
        facts.put(classes, String.join(", ", data.train().classes()));
        facts.put("images to train on", "" + data.train().count());
        facts.put("images held out", "" + data.heldOut().count());
        facts.put("names and classes of the images", names());
        facts.put("sizes and content of the files", content());
        return facts;
    }

    private String names() {
        MessageDigest digest = Fingerprint.digest();
        int common = common();
        for (ImageSet set : List.of(data.train(), data.heldOut())) {
            for (int i = 0; i < set.count(); i++) {
                String line = set.name(i).substring(common) + "\t" + set.label(i) + "\n";
                digest.update(line.getBytes(StandardCharsets.UTF_8));
            }
            digest.update((byte) 0);
        }
        return shortened(digest);
    }

    /** Length of the folders that all names begin with: images may be moved as a whole. */
    private int common() {
        String prefix = data.train().name(0);
        for (ImageSet set : List.of(data.train(), data.heldOut())) {
            for (int i = 0; i < set.count(); i++) {
                while (!set.name(i).startsWith(prefix)) {
                    prefix = prefix.substring(0, prefix.length() - 1);
                }
            }
        }
        return prefix.lastIndexOf(source.getFileSystem().getSeparator()) + 1;
    }

    private String content() throws IOException {
        MessageDigest digest = Fingerprint.digest();
        long left = CHECKED_BYTES;
        int read = 0;
        for (Path file : files()) {
            long size = Files.size(file);
            digest.update((size + "\n").getBytes(StandardCharsets.UTF_8));
            if (size <= left && read++ < CHECKED_FILES) {
                left -= size;
                digest.update(Files.readAllBytes(file));
            }
        }
        return shortened(digest);
    }

    /** The files of the images; of an archive or a packed set, its own. */
    private List<Path> files() throws IOException {
        if (Files.isRegularFile(source) && file(data.train().name(0)) == null) {
            return List.of(source);
        }
        List<Path> files = new ArrayList<>();
        for (ImageSet set : List.of(data.train(), data.heldOut())) {
            for (int i = 0; i < set.count(); i++) {
                Path file = file(set.name(i));
                if (file != null) {
                    files.add(file);
                }
            }
        }
        if (files.isEmpty() && Files.isDirectory(source)) {
            try (Stream<Path> own = Files.list(source)) {
                own.filter(Files::isRegularFile).sorted().forEach(files::add);
            }
        }
        return files;
    }

    private static @Nullable Path file(String name) {
        try {
            Path file = Path.of(name);
            return Files.isRegularFile(file) ? file : null;
        } catch (InvalidPathException e) {
            return null; // the name of an image in an archive
        }
    }

    private static String shortened(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest()).substring(0, 16);
    }

    ImageData data() {
        return data;
    }

    Unreadable unreadable() {
        return unreadable;
    }

    /** The channels in the settings or in a resumed run; else 1 if images all over the set are all grey, and 3 if not. */
    int channels(ImageSettings settings) {
        if (settings.normalization() != null) {
            return settings.normalization().channels();
        }
        if (settings.channels() > 0) {
            return settings.channels();
        }
        ImageSet images = data.train();
        long looked = Math.min(LOOKED_AT, images.count());
        for (long i = 0; i < looked; i++) { // a folder may begin with grey ones
            if (isColour(images, Math.toIntExact(i * images.count() / looked))) {
                return 3;
            }
        }
        return 1;
    }

    private static boolean isColour(ImageSet images, int i) {
        try {
            return images.read(i).channels() == 3;
        } catch (IOException e) {
            return false; // it is counted when its turn comes
        }
    }

    /** The settings with the normalisation for so many channels and the classes; a resumed run keeps its own. */
    ImageSettings found(ImageSettings settings, int channels) throws IOException {
        return settings.normalization() != null
                ? settings
                : settings.withFound(
                        Normalization.of(data.train(), channels), data.train().classes());
    }

    ImageBatches batches(ImageSet images, Augmentation augmentation, int batch, long seed, int threads) {
        return new ImageBatches(images, augmentation, batch, seed, threads, unreadable);
    }

    @Override
    public void close() throws IOException {
        data.close();
    }
}
