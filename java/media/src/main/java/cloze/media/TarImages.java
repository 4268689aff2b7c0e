package cloze.media;

import cloze.image.ImageArchive;
import cloze.image.ImageCodec;
import cloze.image.ImageSet;
import cloze.image.Picture;
import cloze.io.DataException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarFile;

/**
 * Reads images of a tar file on demand. The folder of an image is its class; in shards of WebDataset, the file of the
 * same name with extension {@code .cls} holds the index of its class.
 */
public final class TarImages implements ImageArchive {
    @Override
    public boolean reads(Path file) {
        return ImageCodec.ending(file).equals("tar");
    }

    @Override
    public ImageSet open(Path file, ImageCodec codec) throws IOException {
        try {
            return opened(file, codec);
        } catch (IOException | RuntimeException e) {
            if (e instanceof DataException) {
                throw e;
            }
            throw new DataException(file + ": expected a tar file that can be read: " + e.getMessage(), e);
        }
    }

    private static ImageSet opened(Path file, ImageCodec codec) throws IOException {
        List<Entry> entries = new ArrayList<>();
        var classes = new TreeMap<String, String>();
        var channel = FileChannel.open(file);
        try (TarFile tar = new TarFile(file)) {
            for (TarArchiveEntry entry : tar.getEntries()) {
                String name = entry.getName();
                var at = new Entry(name, entry.getDataOffset(), entry.getSize());
                if (!entry.isFile() || entry.isSparse()) {
                    continue;
                }
                if (at.offset + at.size > channel.size() || at.size > Integer.MAX_VALUE - 8) {
                    throw new DataException(file, name, at.size + " bytes", "the end of the file");
                }
                if (name.endsWith(".cls")) {
                    classes.put(
                            at.stem(), new String(at.bytes(channel), java.nio.charset.StandardCharsets.UTF_8).strip());
                } else if (codec.reads(name)) {
                    entries.add(at);
                }
            }
            if (entries.isEmpty()) {
                throw new DataException(file + ": no images are in this archive");
            }
            return new Images(file, channel, codec, entries, classes);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private record Entry(String name, long offset, long size) {
        String stem() {
            int dot = name.indexOf('.', name.lastIndexOf('/') + 1);
            return dot < 0 ? name : name.substring(0, dot);
        }

        String folder() {
            int end = name.lastIndexOf('/');
            return end < 0 ? "" : name.substring(name.lastIndexOf('/', end - 1) + 1, end);
        }

        byte[] bytes(FileChannel channel) throws IOException {
            var bytes = ByteBuffer.allocate((int) size);
            while (bytes.hasRemaining() && channel.read(bytes, offset + bytes.position()) >= 0) {}
            return bytes.array();
        }
    }

    private static final class Images implements ImageSet {
        private final Path file;
        private final FileChannel channel;
        private final ImageCodec codec;
        private final List<Entry> entries;
        private final List<String> classes;
        private final int[] labels;

        Images(Path file, FileChannel channel, ImageCodec codec, List<Entry> entries, Map<String, String> numbered) {
            this.file = file;
            this.channel = channel;
            this.codec = codec;
            this.entries = entries;
            List<String> names = entries.stream()
                    .map(e -> numbered.isEmpty() ? e.folder() : numbered.getOrDefault(e.stem(), ""))
                    .toList();
            boolean all = names.stream().noneMatch(String::isEmpty);
            classes = all ? sorted(names) : List.of();
            labels = names.stream().mapToInt(classes::indexOf).toArray();
        }

        /** Sorts numbers by value and words alphabetically. */
        private static List<String> sorted(List<String> names) {
            boolean numbers = names.stream().allMatch(name -> name.matches("\\d{1,9}"));
            var sorted = new TreeSet<String>(
                    (a, b) -> numbers ? Integer.compare(Integer.parseInt(a), Integer.parseInt(b)) : a.compareTo(b));
            sorted.addAll(names);
            return List.copyOf(sorted);
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
            return labels[i];
        }

        @Override
        public List<String> classes() {
            return classes;
        }

        @Override
        public Picture read(int i) throws IOException {
            return codec.decode(name(i), entries.get(i).bytes(channel));
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
