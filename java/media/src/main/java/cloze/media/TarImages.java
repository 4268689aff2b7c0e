package cloze.media;

import cloze.image.ClassLabels;
import cloze.image.ImageArchive;
import cloze.image.ImageCodec;
import cloze.image.ImageSet;
import cloze.image.Picture;
import cloze.io.DataException;
import cloze.io.LeftOut;
import cloze.io.SharedFile;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarFile;
import org.jspecify.annotations.Nullable;

/**
 * Reads images of a tar file on demand. Images and classes are those of the folder that it was made of: the first folder
 * on the path of an image is its class. A folder around all classes ({@code tar cf x.tar folder}) is no class. In shards
 * of WebDataset, the file of the same name with extension {@code .cls} holds the index of a class. A gzipped tar is
 * unpacked to a temporary file.
 */
public final class TarImages implements ImageArchive {
    private static final long MOST_OF_ONE = 100; // bytes of a byte of gzip: images are compressed already
    private static final long ALWAYS = 64 << 20;

    @Override
    public boolean reads(Path file) {
        return ImageCodec.ending(file).equals("tar") || isGzipped(file);
    }

    private static boolean isGzipped(Path file) {
        String name = file.toString().toLowerCase(Locale.ROOT);
        return name.endsWith(".tar.gz") || name.endsWith(".tgz");
    }

    @Override
    public ImageSet open(Path file, ImageCodec codec) throws IOException {
        try {
            if (!isGzipped(file)) {
                return opened(file, file, codec);
            }
            Path copy = Files.createTempFile("cloze-images", ".tar");
            try {
                unpack(file, copy);
                return opened(file, copy, codec);
            } finally {
                Files.delete(copy); // what is open stays readable, and leaves nothing behind if the process is killed
            }
        } catch (IOException | RuntimeException e) {
            if (e instanceof DataException) {
                throw e;
            }
            throw new DataException(file + ": expected a tar file that can be read: " + e.getMessage(), e);
        }
    }

    private static void unpack(Path file, Path to) throws IOException {
        long most = ALWAYS + MOST_OF_ONE * Files.size(file);
        try (InputStream in = new GZIPInputStream(new BufferedInputStream(Files.newInputStream(file)), 1 << 16);
                OutputStream out = Files.newOutputStream(to)) {
            byte[] part = new byte[1 << 16];
            long all = 0;
            for (int count = in.read(part); count >= 0; count = in.read(part)) {
                all += count;
                if (all > most) {
                    throw new DataException(file, "content", most + " bytes at most", "more (a bomb?)");
                }
                out.write(part, 0, count);
            }
        }
    }

    /** @param name of the file that the user has; {@code tar} may be its unpacked copy */
    private static ImageSet opened(Path name, Path tar, ImageCodec codec) throws IOException {
        SharedFile bytes = SharedFile.open(tar);
        try (TarFile archive = new TarFile(tar)) {
            var leftOut = new LeftOut();
            List<TarTree.Entry> images = new ArrayList<>();
            Map<String, String> numbers = new HashMap<>();
            for (TarTree.Entry entry : TarTree.files(name, archive, bytes.size())) {
                if (entry.name().endsWith(".cls")) {
                    byte[] number = bytes.read(entry.offset(), (int) entry.size());
                    numbers.put(stem(entry.name()), new String(number, StandardCharsets.UTF_8).strip());
                } else if (codec.reads(entry.name())) {
                    images.add(entry);
                } else {
                    leftOut.add(entry.name());
                }
            }
            if (images.isEmpty()) {
                throw leftOut.nothing(name, "archive");
            }
            leftOut.warn(name);
            // "tar cf x.tar ." says which folder was meant, and "tar cf x.tar folder" adds one around it
            boolean isRooted = archive.getEntries().getFirst().getName().startsWith(".");
            return new Images(name, bytes, codec, images, numbers, isRooted ? "" : top(images));
        } catch (IOException | RuntimeException e) {
            bytes.close();
            throw e;
        }
    }

    private static String stem(String name) {
        int dot = name.indexOf('.', name.lastIndexOf('/') + 1);
        return dot < 0 ? name : name.substring(0, dot);
    }

    /** The folder around all folders of classes, with a / at its end; empty if there is none. */
    private static String top(List<TarTree.Entry> images) {
        String folder = ClassLabels.folder(images.getFirst().name());
        boolean around = folder != null
                && images.stream()
                        .allMatch(e ->
                                e.name().startsWith(folder + "/") && e.name().indexOf('/', folder.length() + 1) > 0);
        return around ? folder + "/" : "";
    }

    private static final class Images implements ImageSet {
        private final Path file;
        private final SharedFile bytes;
        private final ImageCodec codec;
        private final List<TarTree.Entry> entries;
        private final Map<String, String> numbers;
        private final String top;
        private final ClassLabels classes;

        Images(
                Path file,
                SharedFile bytes,
                ImageCodec codec,
                List<TarTree.Entry> entries,
                Map<String, String> numbers,
                String top) {
            this.file = file;
            this.bytes = bytes;
            this.codec = codec;
            this.entries = entries;
            this.numbers = numbers;
            this.top = top;
            List<@Nullable String> names = new ArrayList<>();
            for (TarTree.Entry entry : entries) {
                String number = numbers.get(stem(entry.name()));
                names.add(numbers.isEmpty() ? ClassLabels.folder(entry.name().substring(top.length())) : number);
            }
            classes = ClassLabels.of(names, !numbers.isEmpty());
        }

        @Override
        public @Nullable ImageSet inside(String folder) {
            String prefix = top + folder + "/";
            List<TarTree.Entry> some =
                    entries.stream().filter(e -> e.name().startsWith(prefix)).toList();
            return some.isEmpty() ? null : new Images(file, bytes, codec, some, numbers, prefix);
        }

        @Override
        public int count() {
            return entries.size();
        }

        @Override
        public String name(int i) {
            return file + "!" + entries.get(i).name();
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
            TarTree.Entry entry = entries.get(i);
            return codec.decode(name(i), bytes.read(entry.offset(), (int) entry.size()));
        }

        @Override
        public void close() throws IOException {
            bytes.close();
        }
    }
}
