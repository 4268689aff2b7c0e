package cloze.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ImagePassTest {
    private static final Augmentation VIEW = Augmentation.none(1, new Normalization(List.of(0.0), List.of(1 / 255.0)));

    /** Image i is one pixel of value i, and of class i % 3; some are broken. */
    private record Numbers(int count, int broken) implements ImageSet {
        @Override
        public String name(int i) {
            return "number " + i;
        }

        @Override
        public int label(int i) {
            return i % 3;
        }

        @Override
        public List<String> classes() {
            return List.of("a", "b", "c");
        }

        @Override
        public Picture read(int i) throws IOException {
            if (i % 10 == broken) {
                throw new IOException("broken");
            }
            return new Picture(1, 1, 1, new byte[] {(byte) i});
        }
    }

    private static List<Integer> read(ImageSet images, int batch, Unreadable unreadable) throws IOException {
        List<Integer> seen = new ArrayList<>();
        try (var pass = new ImagePass(images, VIEW, batch, unreadable)) {
            for (ImageBatch b = pass.next(); b != null; b = pass.next()) {
                assertThat(b.pixels()).hasSize(b.count());
                for (int i = 0; i < b.count(); i++) {
                    int number = Math.round(b.pixels()[i]);
                    assertThat(b.labels()[i]).isEqualTo(number % 3);
                    seen.add(number);
                }
            }
            assertThat(pass.next()).isNull();
        }
        return seen;
    }

    @Test
    void every_image_comes_once_in_its_order() throws IOException {
        var unreadable = new Unreadable(true);
        List<Integer> once = read(new Numbers(25, -1), 25, unreadable);
        assertThat(once).hasSize(25).isSorted().doesNotHaveDuplicates();
        assertThat(read(new Numbers(25, -1), 1, unreadable)).isEqualTo(once);
        assertThat(read(new Numbers(25, -1), 7, unreadable)).isEqualTo(once);
    }

    @Test
    void broken_images_are_left_out_or_fatal() throws IOException {
        var unreadable = new Unreadable(false);
        assertThat(read(new Numbers(25, 4), 8, unreadable))
                .hasSize(22)
                .isSorted()
                .doesNotContain(4, 14, 24);
        assertThat(unreadable.count()).isEqualTo(3);
        assertThatThrownBy(() -> read(new Numbers(25, 4), 8, new Unreadable(true)))
                .hasMessage("number 4 can not be read: broken");
    }
}
