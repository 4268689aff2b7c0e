package cloze.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** What is mixed in the pixels is mixed in the targets. */
class MixingTest {
    private static final int SIDE = 8;
    private static final int B = 5;
    private static final int CLASSES = 7;

    /** Image b is all b + 1, of class b. */
    private static ImageBatch batch() {
        float[] pixels = new float[B * SIDE * SIDE];
        int[] labels = new int[B];
        for (int b = 0; b < B; b++) {
            java.util.Arrays.fill(pixels, b * SIDE * SIDE, (b + 1) * SIDE * SIDE, b + 1);
            labels[b] = b;
        }
        return new ImageBatch(pixels, labels);
    }

    /** How much of image b is its own, by its pixels: their mean lies between its own value and its partner's. */
    private static double stays(ImageBatch batch, int b) {
        double sum = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            sum += batch.pixels()[b * SIDE * SIDE + i];
        }
        double own = b + 1;
        double other = B - b;
        return (sum / (SIDE * SIDE) - other) / (own - other);
    }

    private static void targets_are_those_of_the_pixels(ImageBatch batch, float[] targets, double smoothing) {
        for (int b = 0; b < B; b++) {
            double sum = 0;
            for (int c = 0; c < CLASSES; c++) {
                sum += targets[b * CLASSES + c];
            }
            assertThat(sum).isEqualTo(1, within(1e-6));
            int other = B - 1 - b;
            if (other == b) {
                assertThat(targets[b * CLASSES + b])
                        .isEqualTo((float) (1 - smoothing + smoothing / CLASSES), within(1e-6f));
            } else {
                double share = stays(batch, b);
                assertThat((double) targets[b * CLASSES + b])
                        .isEqualTo((1 - smoothing) * share + smoothing / CLASSES, within(1e-5));
                assertThat((double) targets[b * CLASSES + other])
                        .isEqualTo((1 - smoothing) * (1 - share) + smoothing / CLASSES, within(1e-5));
            }
        }
    }

    @Test
    void mixup_is_a_mean_whose_weight_is_of_beta() {
        double sum = 0;
        double squares = 0;
        int n = 4000;
        for (long key = 0; key < n; key++) {
            ImageBatch batch = batch();
            float[] targets = new Mixing(0.8, 0, 0.1).apply(batch, SIDE, CLASSES, key);
            for (int i = 1; i < SIDE * SIDE; i++) {
                assertThat(batch.pixels()[i]).isEqualTo(batch.pixels()[0]);
            }
            targets_are_those_of_the_pixels(batch, targets, 0.1);
            sum += stays(batch, 0);
            squares += stays(batch, 0) * stays(batch, 0);
        }
        double mean = sum / n;
        assertThat(mean).isEqualTo(0.5, within(0.02));
        assertThat(squares / n - mean * mean).isEqualTo(1 / (4 * 2.6), within(0.006)); // 1 / (4 (2 alpha + 1))
    }

    @Test
    void cutmix_puts_one_rectangle_of_the_other_in_its_place() {
        double sum = 0;
        for (long key = 0; key < 1000; key++) {
            ImageBatch batch = batch();
            float[] targets = new Mixing(0, 1, 0.1).apply(batch, SIDE, CLASSES, key);
            targets_are_those_of_the_pixels(batch, targets, 0.1);
            int top = SIDE;
            int bottom = -1;
            int left = SIDE;
            int right = -1;
            int count = 0;
            for (int y = 0; y < SIDE; y++) {
                for (int x = 0; x < SIDE; x++) {
                    float pixel = batch.pixels()[y * SIDE + x];
                    assertThat(pixel).isIn(1f, (float) B);
                    if (pixel == B) {
                        top = Math.min(top, y);
                        bottom = Math.max(bottom, y);
                        left = Math.min(left, x);
                        right = Math.max(right, x);
                        count++;
                    }
                }
            }
            assertThat(count).isEqualTo(count == 0 ? 0 : (bottom - top + 1) * (right - left + 1));
            sum += count;
        }
        assertThat(sum / 1000 / (SIDE * SIDE)).isBetween(0.15, 0.5);
    }

    @Test
    void each_of_both_comes_half_of_the_time() {
        int cut = 0;
        for (long key = 0; key < 1000; key++) {
            ImageBatch batch = batch();
            var _ = new Mixing(1, 1, 0).apply(batch, SIDE, CLASSES, key);
            boolean whole = true;
            for (float pixel : batch.pixels()) {
                whole &= pixel == Math.round(pixel);
            }
            cut += whole ? 1 : 0;
        }
        assertThat(cut).isBetween(440, 560);
    }

    @Test
    void the_key_alone_decides_and_nothing_is_mixed_without_a_wish() {
        ImageBatch one = batch();
        ImageBatch again = batch();
        var mixing = new Mixing(0.8, 1, 0.1);
        assertThat(mixing.apply(one, SIDE, CLASSES, 5)).isEqualTo(mixing.apply(again, SIDE, CLASSES, 5));
        assertThat(one.pixels()).isEqualTo(again.pixels());
        ImageBatch plain = batch();
        float[] targets = Mixing.NONE.apply(plain, SIDE, CLASSES, 5);
        assertThat(plain.pixels()).isEqualTo(batch().pixels());
        for (int i = 0; i < targets.length; i++) {
            assertThat(targets[i]).isEqualTo(i % CLASSES == i / CLASSES ? 1f : 0f);
        }
    }

    @Test
    void rejects_what_is_no_strength() {
        assertThatThrownBy(() -> new Mixing(-1, 0, 0))
                .hasMessageContaining("must be at least 0, but they are -1.0 and 0.0");
        assertThatThrownBy(() -> new Mixing(0, 0, 1)).hasMessage("Mixing: smoothing must be in [0, 1), but it is 1.0");
    }
}
