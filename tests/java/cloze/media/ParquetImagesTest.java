package cloze.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.image.ImageData;
import cloze.image.ImageSet;
import cloze.io.DataException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Images of Parquet have the classes that the writers of data sets give them, in one file or in shards. */
class ParquetImagesTest {
    @TempDir
    Path folder;

    private static Path golden(String name) {
        try {
            return Path.of(Objects.requireNonNull(ParquetImagesTest.class.getResource("/golden/parquet/" + name), name)
                    .toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static List<String> labels(ImageSet images) {
        return IntStream.range(0, images.count())
                .mapToObj(i -> images.label(i) < 0 ? "-" : images.classes().get(images.label(i)))
                .toList();
    }

    @ParameterizedTest
    @CsvSource({
        "named, zebra ant, zebra ant zebra ant", // the order of ClassLabel is kept
        "words, cat dog emu, dog cat dog emu",
        "fine, apple baby bear, apple baby apple baby", // img.bytes, though mask has bytes too
        "some, '', - - - -", // -1, null, 0 and 1: not every image has a class
        "none, '', - - - -",
        "value, '', - - - -", // 7,000,000 is no class
    })
    void labels_are_read(String name, String classes, String labels) throws IOException {
        try (ImageSet images = ImageData.set(golden("images-" + name + ".parquet"))) {
            assertThat(String.join(" ", images.classes())).isEqualTo(classes);
            assertThat(labels(images)).containsExactly(labels.split(" ", -1));
            assertThat(images.labelled()).isEqualTo(!classes.isEmpty());
            for (int i = 0; i < images.count(); i++) {
                assertThat(images.read(i).channels()).isEqualTo(3);
            }
        }
    }

    @Test
    void what_does_not_fit_is_named() {
        Path beyond = golden("images-beyond.parquet");
        assertThatThrownBy(() -> ImageData.set(beyond))
                .isInstanceOf(DataException.class)
                .hasMessage(beyond + ", label of row 2: expected 0 to 1, found 2");
        Path two = golden("images-two.parquet");
        assertThatThrownBy(() -> ImageData.set(two))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll("images-two.parquet, schema", "image.bytes", "[left, right]");
        Path text = golden("images-words.parquet");
        assertThatThrownBy(() -> cloze.text.TextSource.of(text, "no-such").readAll())
                .hasMessageContainingAll("a column no-such");
    }

    private void shard(String from, String to) throws IOException {
        Path file = folder.resolve(to);
        Files.createDirectories(file.getParent());
        Files.copy(golden("images-" + from + ".parquet"), file);
    }

    @Test
    void shards_are_one_set_and_their_names_say_what_is_held_out() throws IOException {
        Files.writeString(folder.resolve("README.md"), "a data set");
        shard("named", "data/train-00000-of-00002.parquet");
        shard("named", "data/train-00001-of-00002.parquet");
        shard("named", "data/validation-00000-of-00001.parquet");
        shard("none", "data/test-00000-of-00001.parquet");
        shard("named", "data/._train-00003.parquet");
        try (ImageData data = ImageData.open(folder.toString(), folder, 0.5)) {
            assertThat(data.train().classes()).containsExactly("zebra", "ant");
            assertThat(labels(data.train())).hasSize(8).startsWith("zebra", "ant");
            assertThat(data.train().name(7)).endsWith("train-00001-of-00002.parquet#3");
            assertThat(data.train().read(7).height()).isPositive();
            assertThat(data.heldOut().name(0)).contains("validation");
            assertThat(data.heldOut().classes()).containsExactly("zebra", "ant");
        }
        try (ImageSet all = ImageData.set(folder)) {
            assertThat(all.count()).isEqualTo(16);
            assertThat(all.labelled()).isFalse(); // those of the test have no classes
        }
    }

    @Test
    void shards_of_other_classes_are_joined_by_name() throws IOException {
        shard("words", "a.parquet");
        shard("named", "b.parquet");
        try (ImageData data = ImageData.open(folder.toString(), folder, 0.25);
                ImageSet all = ImageData.set(folder)) {
            assertThat(data.train().count()).isEqualTo(6);
            assertThat(all.classes()).containsExactly("ant", "cat", "dog", "emu", "zebra");
            assertThat(labels(all)).containsExactly("dog", "cat", "dog", "emu", "zebra", "ant", "zebra", "ant");
        }
    }
}
