package cloze.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Batches depend on seed and index alone, visit every image once an epoch, and pass over what can not be read. */
class ImageBatchesTest {
    private static final int COUNT = 23;
    private static final Normalization IDENTITY = new Normalization(List.of(0.0), List.of(1 / 255.0));

    /** Picture i is of one grey, i. */
    private static TestImages images(Set<Integer> broken) {
        List<Picture> pictures = new ArrayList<>();
        for (int i = 0; i < COUNT; i++) {
            byte[] samples = new byte[9 * 7];
            java.util.Arrays.fill(samples, (byte) i);
            pictures.add(new Picture(9, 7, 1, samples));
        }
        return new TestImages(pictures, broken);
    }

    private static ImageBatches batches(TestImages images, int threads, Unreadable unreadable) {
        return new ImageBatches(images, Augmentation.crop(4, IDENTITY), 5, 42, threads, unreadable);
    }

    /** The pictures of batches from..to, in their order. */
    private static List<Integer> greys(ImageBatches batches, long from, long to) throws IOException {
        List<Integer> greys = new ArrayList<>();
        for (long i = from; i < to; i++) {
            ImageBatch batch = batches.at(i);
            for (int b = 0; b < batch.count(); b++) {
                int grey = Math.round(batch.pixels()[b * 16]);
                assertThat(batch.labels()[b]).isEqualTo(grey % 2);
                greys.add(grey);
            }
        }
        return greys;
    }

    @Test
    void visits_every_image_once_an_epoch_in_another_order_each_time() throws IOException {
        try (var batches = batches(images(Set.of()), 2, new Unreadable(true))) {
            List<Integer> seen = greys(batches, 0, COUNT);
            for (int epoch = 0; epoch < 5; epoch++) {
                assertThat(new HashSet<>(seen.subList(epoch * COUNT, (epoch + 1) * COUNT)))
                        .hasSize(COUNT);
            }
            assertThat(seen.subList(0, COUNT)).isNotEqualTo(seen.subList(COUNT, 2 * COUNT));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 8})
    void does_not_depend_on_threads_or_on_where_it_begins(int threads) throws IOException {
        TestImages photos = new TestImages(List.of(
                GoldenImages.expected("grey.png"),
                GoldenImages.expected("grey16.png"),
                GoldenImages.expected("grey.tif")));
        try (var one = batches(photos, 1, new Unreadable(true));
                var many = batches(photos, threads, new Unreadable(true))) {
            for (long i : new long[] {7, 8, 9, 2, 3, 100, 101, 4}) {
                assertThat(many.at(i).pixels()).isEqualTo(one.at(i).pixels());
            }
        }
    }

    @Test
    void passes_over_what_can_not_be_read_and_counts_it() throws IOException {
        var unreadable = new Unreadable(false);
        Set<Integer> broken = Set.of(3, 4, 11);
        try (var batches = batches(images(broken), 2, unreadable);
                var again = batches(images(broken), 5, new Unreadable(false))) {
            List<Integer> seen = greys(batches, 0, COUNT);
            assertThat(seen).doesNotContainAnyElementsOf(broken);
            assertThat(new HashSet<>(seen)).hasSize(COUNT - broken.size());
            assertThat(greys(again, 0, COUNT)).isEqualTo(seen);
        }
        assertThat(unreadable.count()).isEqualTo(broken.size());
    }

    @Test
    void ends_at_the_first_that_can_not_be_read_where_strict() {
        try (var batches = batches(images(Set.of(11)), 2, new Unreadable(true))) {
            assertThatThrownBy(() -> greys(batches, 0, COUNT))
                    .isInstanceOf(DataException.class)
                    .hasMessage("picture 11 can not be read: picture 11, byte 7: expected a picture, found none");
        }
    }

    @Test
    void ends_where_nothing_can_be_read() {
        Set<Integer> all = new HashSet<>();
        for (int i = 0; i < COUNT; i++) {
            all.add(i);
        }
        try (var batches = batches(images(all), 2, new Unreadable(false))) {
            assertThatThrownBy(() -> batches.at(0))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("23 images in a row can not be read");
        }
    }
}
