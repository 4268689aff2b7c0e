package cloze.image;

import cloze.io.DataException;
import cloze.io.FolderFiles;
import cloze.io.LeftOut;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Image files of a folder, whose sub-folders are classes, or of a list. A file is read on demand. */
public final class ImageFiles implements ImageSet {
    private final List<Path> files;
    private final ClassLabels classes;
    private final ImageCodec codec;

    private ImageFiles(List<Path> files, List<@Nullable String> names, ImageCodec codec) {
        this.files = List.copyOf(files);
        this.codec = codec;
        classes = ClassLabels.of(names, false);
    }

    /**
     * All images of a folder, sorted by name; the first sub-folder on the path of an image is its class. Symbolic links
     * are followed. Files of other formats are counted and logged.
     */
    public static ImageFiles folder(Path folder, ImageCodec codec) throws IOException {
        return folder(folder, FolderFiles.of(folder), codec);
    }

    /** @param files all that are in the folder */
    static ImageFiles folder(Path folder, List<Path> files, ImageCodec codec) throws IOException {
        List<Path> found = new ArrayList<>();
        List<@Nullable String> names = new ArrayList<>();
        var leftOut = new LeftOut();
        for (Path file : files) {
            if (codec.reads(file.toString())) {
                Path inside = folder.relativize(file);
                found.add(file);
                names.add(inside.getNameCount() > 1 ? inside.getName(0).toString() : null);
            } else {
                leftOut.add(file.toString());
            }
        }
        if (found.isEmpty()) {
            throw leftOut.nothing(folder, "folder");
        }
        leftOut.warn(folder);
        return new ImageFiles(found, names, codec);
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
        return classes.label(i);
    }

    @Override
    public List<String> classes() {
        return classes.classes();
    }

    @Override
    public Picture read(int i) throws IOException {
        return codec.decode(name(i), Files.readAllBytes(files.get(i)));
    }
}
