package cloze.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.io.DataException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Few labels are balanced, and drawn by the seed alone. */
class FewLabelsTest {
    /** Image i is of class i % 2. */
    private static ImageSet images(int count) {
        List<Picture> pictures = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            pictures.add(new Picture(1, 1, 1, new byte[] {(byte) i}));
        }
        return new TestImages(pictures);
    }

    private static List<String> names(ImageSet images) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < images.count(); i++) {
            names.add(images.name(i));
        }
        return names;
    }

    @Test
    void every_class_has_as_many_and_no_image_comes_twice() throws IOException {
        ImageSet drawn = FewLabels.draw(images(101), 7, 3);
        assertThat(drawn.count()).isEqualTo(14);
        assertThat(new HashSet<>(names(drawn))).hasSize(14);
        int odd = 0;
        for (int i = 0; i < drawn.count(); i++) {
            odd += drawn.label(i);
        }
        assertThat(odd).isEqualTo(7);
        assertThat(drawn.classes()).containsExactly("even", "odd");
    }

    @Test
    void the_seed_decides_and_a_larger_draw_holds_the_smaller() throws IOException {
        ImageSet images = images(101);
        assertThat(names(FewLabels.draw(images, 7, 3))).isEqualTo(names(FewLabels.draw(images, 7, 3)));
        assertThat(names(FewLabels.draw(images, 7, 3))).isNotEqualTo(names(FewLabels.draw(images, 7, 4)));
        assertThat(names(FewLabels.draw(images, 20, 3))).containsAll(names(FewLabels.draw(images, 7, 3)));
    }

    @Test
    void each_image_is_as_likely_as_another() throws IOException {
        int[] times = new int[20];
        for (long seed = 0; seed < 2000; seed++) {
            for (String name : names(FewLabels.draw(images(20), 1, seed))) {
                times[Integer.parseInt(name.substring("picture ".length()))]++;
            }
        }
        assertThat(Arrays.stream(times).boxed()).allSatisfy(n -> assertThat(n).isBetween(130, 270)); // 200, sd 13
    }

    @Test
    void says_which_class_is_too_small_and_that_there_are_none() {
        assertThatThrownBy(() -> FewLabels.draw(images(5), 3, 0))
                .isInstanceOf(DataException.class)
                .hasMessage("3 images of each class are needed, but there are only 2 of 'odd'");
        ImageSet unlabelled = new ImageSet() {
            private final ImageSet all = new TestImages(List.of(), Set.of());

            @Override
            public int count() {
                return 0;
            }

            @Override
            public String name(int i) {
                return all.name(i);
            }

            @Override
            public int label(int i) {
                return -1;
            }

            @Override
            public List<String> classes() {
                return List.of();
            }

            @Override
            public Picture read(int i) throws IOException {
                return all.read(i);
            }
        };
        assertThatThrownBy(() -> FewLabels.draw(unlabelled, 1, 0)).hasMessageContaining("the images have no classes");
    }
}
