package cloze.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.op.Device;
import cloze.tensor.Scope;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BlockMaskTest {
    private final Device device = Device.all().getFirst();

    private int[][] draw(int images, int grid, int square, double ratio, long seed, long offset) {
        try (Backend backend = device.open(1);
                Scope scope = backend.memory().scope("test")) {
            RandomMask drawn =
                    BlockMask.draw(Tape.inference(backend, scope), images, grid, square, ratio, seed, offset);
            return new int[][] {
                backend.ints(drawn.mask()), backend.ints(drawn.idsRestore()), backend.ints(drawn.idsKeep())
            };
        }
    }

    @ParameterizedTest
    @CsvSource({"14, 2, 0.6, 30", "6, 3, 0.5, 2", "8, 1, 0.75, 48", "4, 2, 0.1, 1"})
    void whole_squares_are_hidden_as_many_of_each_image(int grid, int square, double ratio, int hidden) {
        int[][] drawn = draw(5, grid, square, ratio, 3, 4);
        int n = grid * grid;
        for (int image = 0; image < 5; image++) {
            int[] mask = Arrays.copyOfRange(drawn[0], image * n, (image + 1) * n);
            int[] restore = Arrays.copyOfRange(drawn[1], image * n, (image + 1) * n);
            assertThat(Arrays.stream(mask).sum()).isEqualTo(hidden * square * square);
            int kept = n - hidden * square * square;
            int next = 0;
            for (int i = 0; i < n; i++) {
                if (mask[i] == 0) {
                    assertThat(restore[i]).isEqualTo(next);
                    assertThat(drawn[2][image * kept + next++]).isEqualTo(i);
                } else {
                    assertThat(restore[i]).isGreaterThanOrEqualTo(kept);
                }
                int corner = i / grid / square * square * grid + i % grid / square * square;
                assertThat(mask[i]).isEqualTo(mask[corner]);
            }
        }
    }

    @Test
    void depends_on_its_numbers_alone() {
        int[] mask = draw(3, 14, 2, 0.6, 3, 4)[0];
        assertThat(draw(3, 14, 2, 0.6, 3, 4)[0]).isEqualTo(mask);
        assertThat(draw(1, 14, 2, 0.6, 3, 4)[0]).isEqualTo(Arrays.copyOf(mask, 196));
        assertThat(draw(3, 14, 2, 0.6, 3, 5)[0]).isNotEqualTo(mask);
        assertThat(draw(3, 14, 2, 0.6, 4, 4)[0]).isNotEqualTo(mask);
        assertThat(Arrays.copyOf(mask, 196)).isNotEqualTo(Arrays.copyOfRange(mask, 196, 392));
    }

    @Test
    void every_square_is_hidden_as_often_as_another() {
        int images = 4000;
        int[] mask = draw(images, 4, 1, 0.25, 1, 2)[0];
        int[] counts = new int[16];
        for (int i = 0; i < mask.length; i++) {
            counts[i % 16] += mask[i];
        }
        double expected = images * 4 / 16.0;
        double chiSquare = Arrays.stream(counts)
                .mapToDouble(count -> Math.pow(count - expected, 2) / expected)
                .sum();
        assertThat(chiSquare).isLessThan(37.7); // 15 degrees of freedom, one in a thousand
    }

    @Test
    void sizes_that_do_not_fit_are_refused() {
        assertThatThrownBy(() -> draw(1, 14, 4, 0.6, 1, 1))
                .hasMessage("BlockMask: 14 patches of a side can not be cut into squares of 4");
        assertThatThrownBy(() -> BlockMask.hidden(4, 0))
                .hasMessage("the ratio of hidden squares must be in (0, 1), but it is 0.0");
        assertThatThrownBy(() -> BlockMask.hidden(4, 0.8))
                .hasMessage("a ratio of 0.8 hides all of 4 squares: there is nothing left to see");
    }
}
