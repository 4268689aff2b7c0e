package cloze.image;

import cloze.io.DataException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** Small images of one size, stored as rows of pixels in larger images, with labels in JSON; held in memory. */
public final class PackedImages implements ImageSet {
    private final List<Path> files;
    private final int side;
    private final byte[] samples;
    private final int[] labels;
    private final int perFile;
    private final List<String> classes;

    private PackedImages(List<Path> files, int side, byte[] samples, int[] labels, List<String> classes) {
        this.files = List.copyOf(files);
        this.side = side;
        this.samples = samples;
        this.labels = labels;
        this.classes = List.copyOf(classes);
        perFile = labels.length / files.size();
    }

    /**
     * Reads images and labels.
     *
     * @param files images with side x side pixels per row, all with the same number of rows
     * @param labels a JSON array with one integer per image
     */
    public static PackedImages read(List<Path> files, Path labels, int side, List<String> classes, ImageCodec codec)
            throws IOException {
        int[] of = labels(labels, classes.size());
        int size = 3 * side * side;
        byte[] samples = new byte[Math.multiplyExact(of.length, size)];
        int at = 0;
        for (Path file : files) {
            Picture all = codec.decode(file.toString(), Files.readAllBytes(file));
            int rows = of.length / files.size();
            if (all.width() != side * side || all.height() != rows) {
                throw new DataException(
                        file,
                        "header",
                        String.format(Locale.ROOT, "%d x %d pixels, one image per row", side * side, rows),
                        String.format(Locale.ROOT, "%d x %d", all.width(), all.height()));
            }
            byte[] rgb = all.withChannels(3).samples();
            System.arraycopy(rgb, 0, samples, at, rgb.length);
            at += rgb.length;
        }
        return new PackedImages(files, side, samples, of, classes);
    }

    private static int[] labels(Path file, int classes) throws IOException {
        var labels = new ArrayList<Integer>();
        try {
            for (var node : JsonMapper.shared().readTree(Files.readAllBytes(file))) {
                if (!node.isInt() || node.asInt() < 0 || node.asInt() >= classes) {
                    throw new DataException(file, "label " + labels.size(), "0 to " + (classes - 1), node.toString());
                }
                labels.add(node.asInt());
            }
        } catch (JacksonException e) {
            throw new DataException(file + ": no JSON: " + e.getOriginalMessage(), e);
        }
        return labels.stream().mapToInt(Integer::intValue).toArray();
    }

    @Override
    public int count() {
        return labels.length;
    }

    @Override
    public String name(int i) {
        return files.get(i / perFile).getFileName() + "#" + i % perFile;
    }

    @Override
    public int label(int i) {
        return labels[i];
    }

    @Override
    public List<String> classes() {
        return classes;
    }

    @Override
    public Picture read(int i) {
        int size = 3 * side * side;
        return new Picture(side, side, 3, Arrays.copyOfRange(samples, i * size, (i + 1) * size));
    }
}
