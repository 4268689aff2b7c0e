package cloze.image;

import cloze.io.DataException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Image files of a folder, whose sub-folders are classes, or of a list. A file is read on demand. */
public final class ImageFiles implements ImageSet {
    private final List<Path> files;
    private final List<Integer> labels;
    private final List<String> classes;
    private final ImageCodec codec;

    private ImageFiles(List<Path> files, List<@Nullable String> names, ImageCodec codec) {
        this.files = List.copyOf(files);
        this.codec = codec;
        var sorted = new TreeSet<String>();
        boolean all = true;
        for (String name : names) {
            if (name == null) {
                all = false;
            } else {
                sorted.add(name);
            }
        }
        classes = all ? List.copyOf(sorted) : List.of();
        Map<String, Integer> index = new LinkedHashMap<>();
        classes.forEach(name -> index.put(name, index.size()));
        labels = names.stream()
                .map(name -> name == null ? -1 : index.getOrDefault(name, -1))
                .toList();
    }

    /** All images of a folder, sorted by name; the first sub-folder on the path of an image is its class. */
    public static ImageFiles folder(Path folder, ImageCodec codec) throws IOException {
        List<Path> found;
        try (Stream<Path> tree = Files.walk(folder)) {
            found = tree.filter(file -> Files.isRegularFile(file)
                            && !hidden(folder.relativize(file))
                            && codec.reads(file.toString()))
                    .sorted()
                    .toList();
        }
        if (found.isEmpty()) {
            throw new DataException(folder + ": no images are in this folder");
        }
        List<@Nullable String> names = new ArrayList<>();
        for (Path file : found) {
            Path inside = folder.relativize(file);
            names.add(inside.getNameCount() > 1 ? inside.getName(0).toString() : null);
        }
        return new ImageFiles(found, names, codec);
    }

    private static boolean hidden(Path inside) {
        for (Path part : inside) {
            if (part.toString().startsWith(".")) {
                return true;
            }
        }
        return false;
    }

    /** The files in the lines of a list, relative to its folder; a class may follow after a tab. */
    public static ImageFiles list(Path list, ImageCodec codec) throws IOException {
        List<Path> found = new ArrayList<>();
        List<@Nullable String> names = new ArrayList<>();
        List<String> lines = Files.readAllLines(list);
        Path from = list.toAbsolutePath().getParent();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty()) {
                continue;
            }
            String[] parts = line.split("\t", -1);
            Path file = Path.of(parts[0]);
            file = from == null ? file : from.resolve(file);
            if (!Files.isRegularFile(file)) {
                throw new DataException(
                        list, "line " + (i + 1), "the name of a file", String.format(Locale.ROOT, "'%s'", parts[0]));
            }
            found.add(file);
            names.add(parts.length > 1 ? parts[1].strip() : null);
        }
        if (found.isEmpty()) {
            throw new DataException(list + ": the list names no images");
        }
        return new ImageFiles(found, names, codec);
    }

    @Override
    public int count() {
        return files.size();
    }

    @Override
    public String name(int i) {
        return files.get(i).toString();
    }

    @Override
    public int label(int i) {
        return classes.isEmpty() ? -1 : labels.get(i);
    }

    @Override
    public List<String> classes() {
        return classes;
    }

    @Override
    public Picture read(int i) throws IOException {
        return codec.decode(name(i), Files.readAllBytes(files.get(i)));
    }
}
