package cloze.image;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One reader that is interrupted, or closed early, takes nothing from the others that read the same images. */
@Timeout(60)
class InterruptedReadTest {
    private static final int COUNT = 12;

    @TempDir
    Path folder;

    private ImageSet open(String kind) throws IOException {
        byte[] png = GoldenImages.bytes("rgb.png");
        switch (kind) {
            case "folder" -> {
                Path images = Files.createDirectories(folder.resolve("images"));
                for (int i = 0; i < COUNT; i++) {
                    Files.write(images.resolve(i + ".png"), png);
                }
                return ImageData.set(images);
            }
            case "tar", "tar.gz" -> {
                Path tar = folder.resolve("x." + kind);
                var raw = Files.newOutputStream(tar);
                try (var out = new TarArchiveOutputStream(kind.equals("tar") ? raw : new GZIPOutputStream(raw))) {
                    for (int i = 0; i < COUNT; i++) {
                        var entry = new TarArchiveEntry(i + ".png");
                        entry.setSize(png.length);
                        out.putArchiveEntry(entry);
                        out.write(png);
                        out.closeArchiveEntry();
                    }
                }
                return ImageData.set(tar);
            }
            case "idx" -> {
                byte[] head = {0, 0, 8, 3, 0, 0, 0, COUNT, 0, 0, 0, 4, 0, 0, 0, 4};
                byte[] all = java.util.Arrays.copyOf(head, head.length + 16 * COUNT);
                return ImageData.set(Files.write(folder.resolve("x.idx"), all));
            }
            case "parquet" -> {
                try {
                    return ImageData.set(Path.of(getClass()
                                    .getResource("/golden/images.parquet")
                                    .toURI()))
                            .subset(List.of(0, 1, 0, 1, 0, 1, 0, 1));
                } catch (java.net.URISyntaxException e) {
                    throw new AssertionError(e);
                }
            }
            default -> throw new AssertionError(kind);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"folder", "tar", "tar.gz", "idx", "parquet"})
    void an_interrupt_of_one_thread_leaves_the_images_open(String kind) throws Exception {
        try (ImageSet images = open(kind)) {
            var ended = new AtomicBoolean();
            Thread other = Thread.ofPlatform().start(() -> {
                Thread.currentThread().interrupt(); // a read on a channel then closes it
                try {
                    images.read(0);
                } catch (IOException e) {
                    assertThat(e).isNotNull(); // this thread need not have its image
                }
                ended.set(true);
            });
            other.join();
            assertThat(ended).isTrue();
            for (int i = 0; i < images.count(); i++) {
                assertThat(images.read(i).width()).isPositive();
            }
        }
    }

    /** As fine-tuning does at each evaluation: a pass ends early, and training goes on. */
    @ParameterizedTest
    @ValueSource(strings = {"folder", "tar", "tar.gz", "idx", "parquet"})
    void a_reader_that_is_closed_early_leaves_no_image_out(String kind) throws IOException {
        try (ImageSet images = open(kind)) {
            var unreadable = new Unreadable(true);
            Augmentation view = Augmentation.none(8, new Normalization(List.of(0.0), List.of(1.0)));
            for (int time = 0; time < 5; time++) {
                try (var batches = new ImageBatches(images, view, 3, time, 2, unreadable);
                        var pass = new ImagePass(images, view, 2, unreadable)) {
                    assertThat(batches.at(0).labels()).hasSize(3);
                    assertThat(pass.next()).isNotNull();
                }
            }
            List<Integer> sizes = new ArrayList<>();
            try (var pass = new ImagePass(images, view, images.count(), unreadable)) {
                for (ImageBatch batch = pass.next(); batch != null; batch = pass.next()) {
                    sizes.add(batch.labels().length);
                }
            }
            assertThat(sizes).containsExactly(images.count());
            assertThat(unreadable.count()).isZero();
        }
    }

    @Test
    void an_interrupt_calls_no_image_unreadable() {
        var unreadable = new Unreadable(false);
        assertThatThrownBy(() -> unreadable.add(3, "x.png", new ClosedByInterruptException()))
                .isInstanceOf(InterruptedIOException.class)
                .hasMessageContaining("x.png");
        assertThatThrownBy(() -> unreadable.add(3, "x.png", new InterruptedIOException()))
                .isInstanceOf(InterruptedIOException.class);
        assertThat(unreadable.count()).isZero();
    }

    /** No reader of the project asks an executor to interrupt what it runs. */
    @Test
    void no_reader_interrupts_others() throws IOException {
        Path here = Path.of("").toAbsolutePath();
        Path top = Files.exists(here.resolve("native")) ? here : here.getParent();
        for (String module : Set.of("core", "media")) {
            try (var tree = Files.walk(top.resolve("java").resolve(module).resolve("src/main/java/cloze"))) {
                tree.filter(file -> file.toString().endsWith(".java")
                                && (file.toString().contains("/image/")
                                        || file.toString().contains("/media/")
                                        || file.toString().contains("/eval/")))
                        .forEach(file -> assertThat(content(file))
                                .as("%s", file)
                                .doesNotContain("shutdownNow")
                                .doesNotContain("cancel(true)"));
            }
        }
    }

    private static String content(Path file) {
        try {
            return Files.readString(file, UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
