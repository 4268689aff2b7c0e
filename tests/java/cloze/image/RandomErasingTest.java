package cloze.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** One rectangle of noise, of the size that the paper says, in the share of images that is asked for. */
class RandomErasingTest {
    private static final int SIDE = 20;
    private static final int CHANNELS = 3;
    private static final float BLANK = 77;

    private static float[] blank(int images) {
        float[] pixels = new float[images * SIDE * SIDE * CHANNELS];
        java.util.Arrays.fill(pixels, BLANK);
        return pixels;
    }

    private static boolean erased(float[] pixels, int y, int x) {
        int at = (y * SIDE + x) * CHANNELS;
        boolean first = pixels[at] != BLANK;
        for (int c = 1; c < CHANNELS; c++) {
            assertThat(pixels[at + c] != BLANK).isEqualTo(first);
        }
        return first;
    }

    @Test
    void what_is_erased_is_one_rectangle_of_2_to_33_percent() {
        int images = 0;
        double pixelsErased = 0;
        double squares = 0;
        double values = 0;
        for (long key = 0; key < 400; key++) {
            float[] pixels = blank(1);
            new RandomErasing(1).apply(pixels, 0, SIDE, CHANNELS, key);
            int top = SIDE;
            int bottom = -1;
            int left = SIDE;
            int right = -1;
            int count = 0;
            for (int y = 0; y < SIDE; y++) {
                for (int x = 0; x < SIDE; x++) {
                    if (erased(pixels, y, x)) {
                        top = Math.min(top, y);
                        bottom = Math.max(bottom, y);
                        left = Math.min(left, x);
                        right = Math.max(right, x);
                        count++;
                        squares += pixels[(y * SIDE + x) * CHANNELS] * pixels[(y * SIDE + x) * CHANNELS];
                        values++;
                    }
                }
            }
            if (count > 0) {
                assertThat(count).as("a rectangle").isEqualTo((bottom - top + 1) * (right - left + 1));
                assertThat(count / (double) (SIDE * SIDE)).isBetween(0.01, 0.4); // its sides are whole numbers
                images++;
                pixelsErased += count;
            }
        }
        assertThat(images).isGreaterThan(390);
        assertThat(pixelsErased / images / (SIDE * SIDE)).isBetween(0.15, 0.20); // 0.177 is the mean
        assertThat(squares / values).isBetween(0.95, 1.05); // of unit variance
    }

    @Test
    void the_share_of_images_and_the_place_depend_on_the_key_alone() {
        int touched = 0;
        for (long key = 0; key < 2000; key++) {
            float[] one = blank(2);
            float[] again = blank(2);
            int second = SIDE * SIDE * CHANNELS;
            new RandomErasing(0.25).apply(one, second, SIDE, CHANNELS, cloze.stat.Permutation.mix(key));
            new RandomErasing(0.25).apply(again, second, SIDE, CHANNELS, cloze.stat.Permutation.mix(key));
            assertThat(one).isEqualTo(again);
            boolean changed = false;
            for (int i = 0; i < one.length; i++) {
                changed |= one[i] != BLANK;
                assertThat(i < second && one[i] != BLANK)
                        .as("the image before it")
                        .isFalse();
            }
            touched += changed ? 1 : 0;
        }
        assertThat(touched / 2000.0).isBetween(0.21, 0.29);
    }

    @Test
    void nothing_is_erased_at_0_and_no_more_than_all_can_be() {
        float[] pixels = blank(1);
        for (long key = 0; key < 100; key++) {
            new RandomErasing(0).apply(pixels, 0, SIDE, CHANNELS, key);
        }
        assertThat(pixels).containsOnly(BLANK);
        assertThatThrownBy(() -> new RandomErasing(1.5))
                .hasMessage("RandomErasing: share must be in [0, 1], but it is 1.5");
    }
}
