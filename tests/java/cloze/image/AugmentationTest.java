package cloze.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Parts of pictures are resized as Pillow does it, and what is random depends on the key alone. */
class AugmentationTest {
    private static final Normalization IDENTITY =
            new Normalization(List.of(0.0), List.of(1 / 255.0)); // samples stay 0..255

    @ParameterizedTest
    @CsvSource({"up, 3, 5, 24, 24, 32", "down, 0, 0, 36, 36, 13", "squeezed, 1, 3, 19, 42, 16"})
    void resizes_as_pillow_does(String name, int y, int x, int height, int width, int side) throws IOException {
        Picture grey = GoldenImages.expected("grey.png");
        float[] expected = GoldenImages.floats(name + ".f32");
        var found = new float[side * side];
        Bicubic.resize(grey, new Bicubic.Box(y, x, height, width), side, false, found, 0);
        for (int i = 0; i < found.length; i++) {
            assertThat(found[i]).isCloseTo(Math.clamp(expected[i], 0, 255), within(1e-3f));
        }
    }

    @Test
    void mirrors_left_and_right() throws IOException {
        Picture photo = GoldenImages.expected("rgb.png");
        var box = new Bicubic.Box(2, 4, 30, 40);
        int side = 20;
        var straight = new float[3 * side * side];
        var mirrored = new float[3 * side * side];
        Bicubic.resize(photo, box, side, false, straight, 0);
        Bicubic.resize(photo, box, side, true, mirrored, 0);
        for (int y = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                for (int c = 0; c < 3; c++) {
                    assertThat(mirrored[(y * side + x) * 3 + c]).isEqualTo(straight[(y * side + side - 1 - x) * 3 + c]);
                }
            }
        }
    }

    @Test
    void leaves_a_picture_of_the_right_size_as_it_is() throws IOException {
        Picture grey = square(GoldenImages.expected("grey.png"), 36);
        var found = new float[36 * 36];
        Augmentation.none(36, IDENTITY).apply(grey, 5, found, 0);
        for (int i = 0; i < found.length; i++) {
            assertThat(found[i]).isEqualTo(grey.samples()[i] & 0xFF, within(1e-3f));
        }
    }

    @Test
    void normalises_to_mean_0_and_variance_1() throws IOException {
        Picture photo = square(GoldenImages.expected("rgb.png"), 36);
        Normalization of = Normalization.of(one(photo), 3);
        var found = new float[3 * 36 * 36];
        Augmentation.none(36, of).apply(photo, 0, found, 0);
        for (int c = 0; c < 3; c++) {
            double sum = 0;
            double squares = 0;
            for (int i = c; i < found.length; i += 3) {
                sum += found[i];
                squares += (double) found[i] * found[i];
            }
            assertThat(sum / 36 / 36).isCloseTo(0, within(1e-5));
            assertThat(squares / 36 / 36).isCloseTo(1, within(1e-4));
        }
        assertThat(of.sample(found[7], 1)).isEqualTo(photo.at(0, 2, 1));
    }

    @Test
    void takes_parts_of_at_least_the_least_area_mirrored_half_the_time() throws IOException {
        int side = 40;
        Picture ramp = ramp(side); // the sample tells the column
        var how = new Augmentation(8, 0.2, true, IDENTITY);
        int mirrored = 0;
        double least = 1;
        double most = 0;
        for (int key = 0; key < 2000; key++) {
            var found = new float[64];
            how.apply(ramp, cloze.stat.Permutation.mix(key), found, 0);
            double width = (found[7] - found[0]) / 7 * 8 / side;
            mirrored += width < 0 ? 1 : 0;
            least = Math.min(least, Math.abs(width));
            most = Math.max(most, Math.abs(width));
        }
        assertThat(mirrored).isBetween(900, 1100);
        assertThat(least).isBetween(0.36, 0.5); // sqrt(0.2 * 3 / 4) = 0.387
        assertThat(most).isBetween(0.93, 1.01);
    }

    private static Picture ramp(int side) {
        byte[] samples = new byte[side * side];
        for (int i = 0; i < samples.length; i++) {
            samples[i] = (byte) (i % side);
        }
        return new Picture(side, side, 1, samples);
    }

    private static Picture square(Picture of, int side) {
        int c = of.channels();
        byte[] samples = new byte[side * side * c];
        for (int y = 0; y < side; y++) {
            System.arraycopy(of.samples(), y * of.width() * c, samples, y * side * c, side * c);
        }
        return new Picture(side, side, c, samples);
    }

    private static ImageSet one(Picture picture) {
        return new TestImages(List.of(picture));
    }
}
