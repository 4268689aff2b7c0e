package cloze.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.op.Device;
import cloze.tensor.Scope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class RandomMaskTest {
    private static final class Drawn {
        private final int[] keep;
        private final int[] restore;
        private final int[] mask;

        Drawn(Backend backend, RandomMask drawn) {
            keep = backend.ints(drawn.idsKeep());
            restore = backend.ints(drawn.idsRestore());
            mask = backend.ints(drawn.mask());
        }
    }

    private static Drawn draw(Device device, int images, int patches, int kept, int lead, long seed, long offset) {
        try (Backend backend = device.open(2);
                Scope scope = backend.memory().scope("test")) {
            RandomMask drawn =
                    RandomMask.draw(Tape.inference(backend, scope), images, patches, kept, lead, seed, offset);
            return new Drawn(backend, drawn);
        }
    }

    static List<Device> devices() {
        return Device.all();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("devices")
    void is_a_permutation_of_every_image_and_its_inverse(Device device) {
        int patches = 300;
        int kept = RandomMask.kept(patches, 0.75);
        int lead = 1;
        Drawn drawn = draw(device, 3, patches, kept, lead, 5, 7);
        for (int image = 0; image < 3; image++) {
            int[] restore = Arrays.copyOfRange(drawn.restore, image * (patches + lead), (image + 1) * (patches + lead));
            assertThat(Arrays.stream(restore).sorted())
                    .containsExactlyElementsOf(
                            IntStream.range(0, patches + lead).boxed().toList());
            assertThat(restore[0]).isZero();
            for (int i = 0; i < patches; i++) {
                boolean hidden = drawn.mask[image * patches + i] == 1;
                assertThat(hidden).isEqualTo(restore[lead + i] >= lead + kept);
                if (!hidden) {
                    assertThat(drawn.keep[image * kept + restore[lead + i] - lead])
                            .isEqualTo(i);
                }
            }
        }
        assertThat(Arrays.copyOf(drawn.keep, kept)).isNotEqualTo(Arrays.copyOfRange(drawn.keep, kept, 2 * kept));
    }

    @Test
    void is_the_same_on_every_device() {
        var masks = new ArrayList<List<Integer>>();
        for (Device device : Device.all()) {
            masks.add(Arrays.stream(draw(device, 2, 49, 12, 1, 3, 4).restore)
                    .boxed()
                    .toList());
        }
        assertThat(masks).allMatch(masks.getFirst()::equals);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("devices")
    void given_numbers_keep_the_smallest_of_each_image(Device device) {
        try (Backend backend = device.open(2);
                Scope scope = backend.memory().scope("test")) {
            float[] noise = {0.5f, 0.25f, 0.75f, 0.25f, 0.9f, 0.1f, 0.3f, 0.2f};
            var made = new Drawn(backend, RandomMask.of(Tape.inference(backend, scope), noise, 4, 2, 1));
            assertThat(made.keep).containsExactly(1, 3, 1, 3);
            assertThat(made.restore).containsExactly(0, 3, 1, 4, 2, 0, 4, 1, 3, 2);
            assertThat(made.mask).containsExactly(1, 0, 1, 0, 1, 0, 1, 0);
        }
    }

    @Test
    void keeps_every_patch_as_often_as_another() {
        int images = 4000;
        Drawn drawn = draw(Device.all().getFirst(), images, 16, 4, 0, 1, 2);
        int[] counts = new int[16];
        for (int i : drawn.keep) {
            counts[i]++;
        }
        double expected = images * 4 / 16.0;
        double chiSquare = Arrays.stream(counts)
                .mapToDouble(count -> Math.pow(count - expected, 2) / expected)
                .sum();
        assertThat(chiSquare).isLessThan(37.7); // 15 degrees of freedom, one in a thousand
    }

    @ParameterizedTest
    @CsvSource({"196, 0.75, 49", "49, 0.75, 12", "64, 0, 64", "64, 0.95, 3", "4, 0.95, 1"})
    void keeps_as_many_as_the_paper_s_code(int patches, double ratio, int kept) {
        assertThat(RandomMask.kept(patches, ratio)).isEqualTo(kept);
    }

    @Test
    void refuses_to_hide_all() {
        assertThatThrownBy(() -> RandomMask.kept(4, 1))
                .hasMessage("the ratio of hidden patches must be in [0, 0.95], but it is 1.0");
    }
}
