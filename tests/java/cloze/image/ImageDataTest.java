package cloze.image;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders, lists, IDX, tar and Parquet are sets of images with their classes. */
class ImageDataTest {
    @TempDir
    Path folder;

    private Picture photo;

    @BeforeEach
    void photo() throws IOException {
        photo = GoldenImages.expected("rgb.png");
    }

    private Path put(String name) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.write(file, GoldenImages.bytes("rgb.png"));
    }

    private static List<Integer> labels(ImageSet images) {
        return IntStream.range(0, images.count()).mapToObj(images::label).toList();
    }

    @Test
    void sub_folders_are_classes() throws IOException {
        put("dogs/rex.png");
        put("cats/deep/tom.png");
        put("cats/felix.png");
        put("cats/.hidden.png");
        Files.writeString(folder.resolve("cats/note.txt"), "no image");
        ImageSet images = ImageData.set(folder);
        assertThat(images.classes()).containsExactly("cats", "dogs");
        assertThat(labels(images)).containsExactly(0, 0, 1);
        assertThat(images.name(1)).endsWith("felix.png");
        assertThat(images.read(2).samples()).isEqualTo(photo.samples());
    }

    @Test
    void a_flat_folder_has_no_classes() throws IOException {
        put("a.png");
        put("b.png");
        ImageSet images = ImageData.set(folder);
        assertThat(images.labelled()).isFalse();
        assertThat(labels(images)).containsExactly(-1, -1);
    }

    @Test
    void a_folder_may_say_what_is_held_out() throws IOException {
        put("train/x/1.png");
        put("train/y/2.png");
        put("val/x/3.png");
        try (ImageData data = ImageData.open(folder.toString(), folder, 0.5)) {
            assertThat(data.train().count()).isEqualTo(2);
            assertThat(data.heldOut().count()).isEqualTo(1);
        }
    }

    @Test
    void others_are_split_the_same_way_every_time() throws IOException {
        for (int i = 0; i < 40; i++) {
            put(String.format(Locale.ROOT, "%02d.png", i));
        }
        Set<String> all = new HashSet<>();
        List<String> first = null;
        for (int time = 0; time < 2; time++) {
            try (ImageData data = ImageData.open(folder.toString(), folder, 0.1)) {
                List<String> heldOut =
                        IntStream.range(0, 4).mapToObj(data.heldOut()::name).toList();
                assertThat(data.heldOut().count()).isEqualTo(4);
                assertThat(first == null ? heldOut : first).isEqualTo(heldOut);
                first = heldOut;
                IntStream.range(0, 36).mapToObj(data.train()::name).forEach(all::add);
                all.addAll(heldOut);
            }
        }
        assertThat(all).hasSize(40);
    }

    @Test
    void a_list_names_files_and_classes() throws IOException {
        put("in/a.png");
        put("b.png");
        Path list = Files.writeString(folder.resolve("images.tsv"), "in/a.png\tred\n\nb.png\tblue\n");
        ImageSet images = ImageData.set(list);
        assertThat(images.classes()).containsExactly("blue", "red");
        assertThat(labels(images)).containsExactly(1, 0);
        Files.writeString(list, "b.png\nin/none.png\n");
        assertThatThrownBy(() -> ImageData.set(list))
                .isInstanceOf(DataException.class)
                .hasMessage(list + ", line 2: expected the name of a file, found 'in/none.png'");
    }

    @Test
    void idx_holds_images_and_labels() throws IOException {
        byte[] samples = new byte[3 * 4 * 5];
        for (int i = 0; i < samples.length; i++) {
            samples[i] = (byte) i;
        }
        write("train-images-idx3-ubyte.gz", idx(new int[] {3, 4, 5}, samples));
        write("train-labels-idx1-ubyte.gz", idx(new int[] {3}, new byte[] {7, 0, 9}));
        write("t10k-images-idx3-ubyte.gz", idx(new int[] {1, 4, 5}, Arrays.copyOf(samples, 20)));
        write("t10k-labels-idx1-ubyte.gz", idx(new int[] {1}, new byte[] {1}));
        try (ImageData data = ImageData.open(folder.toString(), folder, 0.1)) {
            assertThat(labels(data.train())).containsExactly(7, 0, 9);
            assertThat(data.heldOut().count()).isEqualTo(1);
            Picture second = data.train().read(1);
            assertThat(second.height()).isEqualTo(4);
            assertThat(second.width()).isEqualTo(5);
            assertThat(second.at(2, 3, 0)).isEqualTo(20 + 13);
        }
    }

    @Test
    void idx_that_is_cut_off_or_lies_is_refused() throws IOException {
        byte[] whole = idx(new int[] {3, 4, 5}, new byte[60]);
        Path images = folder.resolve("images.idx");
        for (int length = 0; length < whole.length; length++) {
            Files.write(images, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> IdxImages.read(images))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("images.idx");
        }
        Files.write(images, idx(new int[] {60_000, 28, 28}, new byte[60]));
        assertThatThrownBy(() -> IdxImages.read(images))
                .hasMessage(images + ", byte 76: expected 47040000 bytes after the header, found the end of the file");
        Files.write(images, idx(new int[] {Integer.MAX_VALUE, Integer.MAX_VALUE, 2}, new byte[60]));
        assertThatThrownBy(() -> IdxImages.read(images)).isInstanceOf(DataException.class);
        Files.write(images, whole);
        Path labels = Files.write(folder.resolve("labels.idx"), idx(new int[] {2}, new byte[] {0, 1}));
        assertThatThrownBy(() -> IdxImages.read(images, labels, List.of("a", "b")))
                .hasMessage(labels + ", byte 4: expected 3 labels, as there are images, found 2");
    }

    private void write(String name, byte[] content) throws IOException {
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(folder.resolve(name)))) {
            out.write(content);
        }
    }

    private static byte[] idx(int[] extents, byte[] values) throws IOException {
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        out.writeInt(0x0800 | extents.length);
        for (int extent : extents) {
            out.writeInt(extent);
        }
        out.write(values);
        return bytes.toByteArray();
    }

    @Test
    void tar_holds_images_in_folders_of_classes() throws IOException {
        Path tar = tar("a/1.png", "b/2.png", "b/x.txt");
        try (ImageSet images = ImageData.set(tar)) {
            assertThat(images.classes()).containsExactly("a", "b");
            assertThat(labels(images)).containsExactly(0, 1);
            assertThat(images.read(1).samples()).isEqualTo(photo.samples());
        }
        byte[] whole = Files.readAllBytes(tar);
        Files.write(tar, Arrays.copyOf(whole, 2500));
        assertThatThrownBy(() -> ImageData.set(tar))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("set.tar");
    }

    @Test
    void shards_of_webdataset_number_their_classes() throws IOException {
        Path tar = tar("000.png", "000.cls", "001.png", "001.cls");
        try (ImageSet images = ImageData.set(tar)) {
            assertThat(images.classes()).containsExactly("2", "10");
            assertThat(labels(images)).containsExactly(1, 0);
        }
    }

    /** A file {@code 000.cls} says 10, any other 2. */
    private Path tar(String... names) throws IOException {
        Path file = folder.resolve("set.tar");
        try (var out = new TarArchiveOutputStream(Files.newOutputStream(file))) {
            for (String name : names) {
                byte[] content = name.endsWith(".png")
                        ? GoldenImages.bytes("rgb.png")
                        : (name.startsWith("000") ? "10\n" : "2").getBytes(UTF_8);
                var entry = new TarArchiveEntry(name);
                entry.setSize(content.length);
                out.putArchiveEntry(entry);
                out.write(content);
                out.closeArchiveEntry();
            }
        }
        return file;
    }

    @Test
    void parquet_holds_encoded_images_and_labels() throws Exception {
        Path file = Path.of(getClass().getResource("/golden/images.parquet").toURI());
        try (ImageSet images = ImageData.set(file)) {
            assertThat(images.count()).isEqualTo(3);
            assertThat(labels(images)).containsExactly(1, 0, 2);
            assertThat(images.read(0).samples()).isEqualTo(photo.samples());
            assertThat(images.read(1).samples())
                    .isEqualTo(GoldenImages.expected("lossless.webp").samples());
            assertThatThrownBy(() -> images.read(2)).isInstanceOf(DataException.class); // null
        }
        Path broken = folder.resolve("broken.parquet");
        Files.write(broken, Arrays.copyOf(Files.readAllBytes(file), 700));
        assertThatThrownBy(() -> ImageData.set(broken))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("broken.parquet");
    }

    @Test
    void says_what_is_expected() {
        assertThatThrownBy(() -> ImageData.open("no-such-set", folder, 0.1))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("no images 'no-such-set'")
                .hasMessageContaining("build-scripts/data no-such-set");
        assertThatThrownBy(() -> ImageData.open(folder.toString(), folder, 0.1))
                .hasMessage(folder + ": no images are in this folder");
    }
}
