package cloze.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import cloze.io.LeftOut;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A folder, links to its parts, a list, and a tar made of it in any way are the same images with the same classes. */
class ImageListingTest {
    @TempDir
    Path folder;

    private Path data;

    @BeforeEach
    void data() throws IOException {
        data = Files.createDirectory(folder.resolve("data"));
    }

    private void put(String... names) throws IOException {
        for (String name : names) {
            Path file = data.resolve(name);
            Files.createDirectories(file.getParent());
            Files.write(file, GoldenImages.bytes("rgb.png"));
        }
    }

    /** Trees that a data set may be: of classes, flat, mixed, deep, of numbers, with what systems leave behind. */
    private void tree(String kind) throws IOException {
        switch (kind) {
            case "classes" -> put("b/1.png", "a/2.png", "a/10.png", "a-b/3.png");
            case "flat" -> put("2.png", "10.png", "1.png");
            case "mixed" -> put("a/1.png", "2.png");
            case "deep" -> put("cats/deep/tom.png", "cats/felix.png", "dogs/x/y/rex.png", "dogs/x/y.png");
            case "numbers" -> put("2/1.png", "10/1.png", "1/1.png");
            case "one class" -> put("a/1.png", "a/2.png");
            case "hidden" -> {
                put("a/1.png", "a/._1.png", "._a/1.png", ".cache/b/1.png", "b/.x.png", "b/2.png", "b/..2.png");
                Files.writeString(data.resolve("b/._note.cls"), "7");
                Files.writeString(data.resolve("b/note.txt"), "no image");
            }
            case "links" -> {
                put("a/1.png", "deep/er/2.png");
                link("b", "a");
                link("c", "deep/er");
                link("a/3.png", "../deep/er/2.png");
                link("d", "b");
                link("loop", ".");
                link("a/up", "..");
                link("ring", "gnir");
                link("gnir", "ring");
                link("nothing.png", "no-such-file.png");
                link("deep/er/self", "self");
            }
            default -> throw new AssertionError(kind);
        }
    }

    private void link(String name, String to) throws IOException {
        Files.createSymbolicLink(data.resolve(name), Path.of(to));
    }

    /** {@code name label} of each image, and the classes. */
    private static List<String> listing(Path set, Function<String, String> inside) throws IOException {
        try (ImageSet images = ImageData.set(set)) {
            List<String> listing = new ArrayList<>();
            for (int i = 0; i < images.count(); i++) {
                int label = images.label(i);
                String name = label < 0 ? "none" : images.classes().get(label);
                listing.add(inside.apply(images.name(i)) + " of " + name);
                assertThat(images.read(i).width())
                        .isEqualTo(GoldenImages.expected("rgb.png").width());
            }
            listing.add("classes " + images.classes());
            return listing;
        }
    }

    private List<String> ofFolder(Path set) throws IOException {
        return listing(set, name -> set.relativize(Path.of(name)).toString());
    }

    private static List<String> ofTar(Path set, String prefix) throws IOException {
        return listing(set, name -> {
            assertThat(name).startsWith(set + "!" + prefix);
            return name.substring((set + "!" + prefix).length());
        });
    }

    private Path tar(String name, String prefix) throws IOException {
        Path file = folder.resolve(name);
        OutputStream raw = Files.newOutputStream(file);
        try (var out = new TarArchiveOutputStream(name.endsWith("gz") ? new GZIPOutputStream(raw) : raw);
                Stream<Path> walk = Files.walk(data)) {
            for (Path each : walk.sorted(java.util.Comparator.reverseOrder()).toList()) { // no order of names
                String inside = prefix + data.relativize(each);
                if (Files.isSymbolicLink(each)) {
                    var entry = new TarArchiveEntry(inside, TarConstants.LF_SYMLINK);
                    entry.setLinkName(Files.readSymbolicLink(each).toString());
                    out.putArchiveEntry(entry);
                } else if (Files.isDirectory(each)) {
                    out.putArchiveEntry(new TarArchiveEntry(inside + "/"));
                } else {
                    write(out, inside, Files.readAllBytes(each));
                    continue;
                }
                out.closeArchiveEntry();
            }
        }
        return file;
    }

    private static void write(TarArchiveOutputStream out, String name, byte[] content) throws IOException {
        var entry = new TarArchiveEntry(name);
        entry.setSize(content.length);
        out.putArchiveEntry(entry);
        out.write(content);
        out.closeArchiveEntry();
    }

    @Timeout(60)
    @ParameterizedTest
    @ValueSource(strings = {"classes", "flat", "mixed", "deep", "numbers", "one class", "hidden", "links"})
    void every_form_lists_the_same(String kind) throws IOException {
        tree(kind);
        List<String> expected = ofFolder(data);
        assertThat(expected).hasSizeGreaterThan(2);
        Path linked = Files.createSymbolicLink(folder.resolve("linked"), data);
        assertThat(ofFolder(linked)).as("a link to the folder").isEqualTo(expected);
        assertThat(ofTar(tar("dot.tar", "./"), "")).as("tar cf x.tar .").isEqualTo(expected);
        assertThat(ofTar(tar("star.tar", ""), "")).as("tar cf x.tar *").isEqualTo(expected);
        assertThat(ofTar(tar("dot.tar.gz", "./"), "")).as("tar czf x.tar.gz .").isEqualTo(expected);
        assertThat(ofTar(tar("dot.tgz", "./"), "")).as("tar czf x.tgz .").isEqualTo(expected);
        if (!expected.getLast().equals("classes []")) {
            assertThat(ofTar(tar("around.tar", "data/"), "data/"))
                    .as("tar cf x.tar data")
                    .isEqualTo(expected);
        }
        // classes that are links, and folders that are real
        Path links = Files.createDirectory(folder.resolve("links"));
        try (Stream<Path> top = Files.list(data)) {
            for (Path each : top.toList()) {
                Files.createSymbolicLink(links.resolve(each.getFileName()), each);
            }
        }
        assertThat(withoutLoops(ofFolder(links)))
                .as("links to all that is in the folder")
                .isEqualTo(withoutLoops(expected));
    }

    /** A loop goes once around the folder that it begins in, so it gives more where that is another. */
    private static List<String> withoutLoops(List<String> listing) {
        return listing.stream()
                .filter(line -> !line.contains("loop/") && !line.contains("up/"))
                .map(line -> line.replace(", loop]", "]"))
                .toList();
    }

    @Test
    void links_give_what_is_behind_them() throws IOException {
        tree("links");
        assertThat(ofFolder(data))
                .contains("a/1.png of a", "b/1.png of b", "c/2.png of c", "a/3.png of a", "d/3.png of d")
                .contains("classes [a, b, c, d, deep]");
    }

    @Test
    void a_hard_link_of_a_tar_is_its_file() throws IOException {
        Path file = folder.resolve("hard.tar");
        try (var out = new TarArchiveOutputStream(Files.newOutputStream(file))) {
            write(out, "a/1.png", GoldenImages.bytes("rgb.png"));
            var entry = new TarArchiveEntry("b/2.png", TarConstants.LF_LINK);
            entry.setLinkName("a/1.png");
            out.putArchiveEntry(entry);
            out.closeArchiveEntry();
        }
        assertThat(ofTar(file, "")).containsExactly("a/1.png of a", "b/2.png of b", "classes [a, b]");
    }

    @Test
    void a_tar_may_say_what_is_held_out_as_a_folder_may() throws IOException {
        put("train/x/1.png", "train/y/2.png", "train/y/3.png", "val/x/4.png", "test/x/5.png");
        for (Path set : List.of(data, tar("a.tar", "./"), tar("b.tar.gz", "data/"), tar("c.tar", ""))) {
            try (ImageData images = ImageData.open(set.toString(), folder, 0.5)) {
                assertThat(images.train().count()).as("%s", set).isEqualTo(3);
                assertThat(images.train().classes()).as("%s", set).containsExactly("x", "y");
                assertThat(images.heldOut().count()).as("%s", set).isEqualTo(1);
                assertThat(images.heldOut().name(0)).as("%s", set).endsWith("4.png");
                assertThat(images.heldOut().classes()).as("%s", set).containsExactly("x", "y");
            }
        }
    }

    @Test
    void shards_of_tars_are_one_set() throws IOException {
        put("b/1.png", "a/2.png");
        Path shards = Files.createDirectory(folder.resolve("shards"));
        Files.move(tar("x-1.tar", ""), shards.resolve("x-1.tar"));
        put("c/3.png");
        Files.move(tar("x-2.tar", "./"), shards.resolve("x-2.tar"));
        try (ImageSet images = ImageData.set(shards)) {
            assertThat(images.count()).isEqualTo(5);
            assertThat(images.classes()).containsExactly("a", "b", "c");
            List<String> labels = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                labels.add(images.classes().get(images.label(i)));
                assertThat(images.read(i).height()).isPositive();
            }
            assertThat(labels).containsExactly("a", "b", "a", "b", "c");
            assertThat(images.name(4)).endsWith("x-2.tar!c/3.png");
        }
    }

    @Test
    void formats_that_are_not_read_are_counted_and_named() throws IOException {
        for (int i = 0; i < 12; i++) {
            Files.writeString(data.resolve(i + ".HEIC"), "x");
        }
        Files.writeString(data.resolve("one.avif"), "x");
        Files.writeString(data.resolve("readme.md"), "x");
        Files.writeString(data.resolve("._hidden.heic"), "x");
        String counts = "1 file of .avif, 12 files of .heic can not be read";
        assertThatThrownBy(() -> ImageData.set(data))
                .isInstanceOf(DataException.class)
                .hasMessage(data + ": no images are in this folder; " + counts);
        Path tar = tar("x.tar", "./");
        assertThatThrownBy(() -> ImageData.set(tar)).hasMessage(tar + ": no images are in this archive; " + counts);
        var leftOut = new LeftOut();
        leftOut.add("a/b.c/no-ending");
        leftOut.add("x.cls");
        assertThat(leftOut.message()).isEmpty();
    }

    @Test
    void a_tar_that_is_cut_off_or_a_bomb_is_refused() throws IOException {
        put("a/1.png", "b/2.png");
        byte[] whole = Files.readAllBytes(tar("whole.tar", ""));
        byte[] gzipped = Files.readAllBytes(tar("whole.tar.gz", ""));
        Path cut = Files.write(folder.resolve("cut.tar"), Arrays.copyOf(whole, whole.length / 4));
        Path cutGz = Files.write(folder.resolve("cut.tar.gz"), Arrays.copyOf(gzipped, gzipped.length / 2));
        Path none = Files.writeString(folder.resolve("none.tgz"), "not gzip");
        Path bomb = folder.resolve("bomb.tar.gz");
        try (var out = new GZIPOutputStream(Files.newOutputStream(bomb))) {
            byte[] zeros = new byte[1 << 20];
            for (int i = 0; i < 100; i++) {
                out.write(zeros);
            }
        }
        for (Path each : List.of(cut, cutGz, none, bomb)) {
            assertThatThrownBy(() -> ImageData.set(each))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining(each.toString());
        }
        assertThatThrownBy(() -> ImageData.set(bomb)).hasMessageContaining("bomb?");
    }

    @Timeout(60)
    @Test
    void links_that_multiply_end() throws IOException {
        Path file = folder.resolve("links.tar");
        try (var out = new TarArchiveOutputStream(Files.newOutputStream(file))) {
            write(out, "0/1.png", GoldenImages.bytes("rgb.png"));
            for (int i = 1; i < 30; i++) {
                for (String side : List.of("a", "b")) {
                    var entry = new TarArchiveEntry(i + "/" + side, TarConstants.LF_SYMLINK);
                    entry.setLinkName("../" + (i - 1));
                    out.putArchiveEntry(entry);
                    out.closeArchiveEntry();
                }
            }
        }
        assertThatThrownBy(() -> ImageData.set(file))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("links.tar", "at most");
    }
}
