package cloze.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.backend.Backend;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.StoredType;
import cloze.op.Device;
import cloze.stat.Features;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Against scikit-learn and numpy: tests/golden/probe.py. */
class LinearProbeTest {
    private static final int CLASSES = 4;
    private static final int WIDTH = 6;

    private static Safetensors golden() throws Exception {
        return Safetensors.open(Path.of(Objects.requireNonNull(LinearProbeTest.class.getResource("/golden/probe"))
                        .toURI())
                .resolve("expected.safetensors"));
    }

    private static double[] doubles(Safetensors file, String name) throws Exception {
        var values = new double[(int) file.tensor(name).size()];
        file.copyBytesTo(name, StoredType.F64, MemorySegment.ofArray(values));
        return values;
    }

    private static Features features(Safetensors file, String name) throws Exception {
        var values = new float[(int) file.tensor(name).size()];
        file.copyTo(name, MemorySegment.ofArray(values));
        var labels = new int[values.length / WIDTH];
        file.copyBytesTo(name + "_labels", StoredType.I32, MemorySegment.ofArray(labels));
        return new Features(WIDTH, values, labels, CLASSES);
    }

    static List<Device> devices() {
        return Device.all();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("devices")
    void classifiers_are_those_of_scikit_learn(Device device) throws Exception {
        try (Safetensors file = golden();
                Backend backend = device.open(2)) {
            Features train = features(file, "train");
            Features test = features(file, "test");
            double[] penalties = doubles(file, "penalties");
            double[] weights = doubles(file, "weights");
            double[] shares = doubles(file, "linear");
            for (int i = 0; i < penalties.length; i++) {
                LinearProbe probe = LinearProbe.fit(backend, train, penalties[i]);
                assertThat(probe.converged()).isTrue();
                assertThat(probe.accuracy(test, 1, 2)).containsExactly(shares[2 * i], shares[2 * i + 1]);
                for (int j = 0; j < CLASSES * WIDTH; j++) {
                    assertThat(probe.weight(j / WIDTH, j % WIDTH))
                            .isCloseTo(weights[i * CLASSES * WIDTH + j], within(1e-3 / Math.sqrt(penalties[i])));
                }
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("devices")
    void neighbours_tell_what_a_naive_search_tells(Device device) throws Exception {
        try (Safetensors file = golden();
                Backend backend = device.open(2)) {
            double share = NearestNeighbours.accuracy(backend, features(file, "train"), features(file, "test"), 5);
            assertThat(share).isEqualTo(doubles(file, "neighbours")[0]);
        }
    }

    private static Features random(int count, int width, long seed) {
        var random = new SplittableRandom(seed);
        var values = new float[count * width];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        int[] labels = IntStream.range(0, count).map(_ -> random.nextInt(10)).toArray();
        return new Features(width, values, labels, 10);
    }

    @Test
    void what_says_nothing_is_told_by_chance_and_what_says_all_always() {
        try (Backend backend = Device.all().getFirst().open(2)) {
            LinearProbe guess = LinearProbe.fit(backend, random(1500, 20, 1));
            Features noise = random(2000, 20, 2);
            assertThat(guess.accuracy(noise, 1).getFirst()).isBetween(0.07, 0.13);
            assertThat(guess.accuracy(noise, 10).getFirst()).isEqualTo(1);
            assertThat(NearestNeighbours.accuracy(backend, random(1500, 20, 1), noise, 20))
                    .isBetween(0.07, 0.13);
            int[] labels = IntStream.range(0, 300).map(i -> i * 7 % 10).toArray();
            var values = new float[300 * 10];
            for (int i = 0; i < 300; i++) {
                values[i * 10 + labels[i]] = 1;
            }
            var oneHot = new Features(10, values, labels, 10);
            assertThat(LinearProbe.fit(backend, oneHot).accuracy(oneHot, 1)).containsExactly(1.0);
            assertThat(NearestNeighbours.accuracy(backend, oneHot, oneHot, 5)).isEqualTo(1);
        }
    }

    @Test
    void rows_kept_back_choose_a_strong_penalty_where_most_numbers_are_noise() {
        try (Backend backend = Device.all().getFirst().open(2)) {
            Features train = mostlyNoise(100, 3);
            Features test = mostlyNoise(2000, 4);
            LinearProbe chosen = LinearProbe.fit(backend, train);
            LinearProbe weak = LinearProbe.fit(backend, train, 1e-6);
            assertThat(chosen.penalty()).isGreaterThanOrEqualTo(1e-2);
            assertThat(chosen.accuracy(test, 1).getFirst())
                    .isGreaterThan(weak.accuracy(test, 1).getFirst());
        }
    }

    /** Two classes that differ in one number of 60. */
    private static Features mostlyNoise(int count, long seed) {
        var random = new SplittableRandom(seed);
        var values = new float[count * 60];
        var labels = new int[count];
        for (int i = 0; i < count; i++) {
            labels[i] = i % 2;
            for (int d = 0; d < 60; d++) {
                values[i * 60 + d] = (float) (random.nextGaussian() + (d == 0 ? 3 * labels[i] : 0));
            }
        }
        return new Features(60, values, labels, 2);
    }

    @Test
    void any_number_of_threads_gives_the_same_bits() {
        Features train = random(1200, 33, 5);
        double[] first = new double[10 * 33];
        for (int threads : new int[] {1, 2, 5}) {
            try (Backend backend = Device.all().getFirst().open(threads)) {
                LinearProbe probe = LinearProbe.fit(backend, train, 1e-3);
                for (int i = 0; i < first.length; i++) {
                    double weight = probe.weight(i / 33, i % 33);
                    first[i] = threads == 1 ? weight : first[i];
                    assertThat(weight).isEqualTo(first[i]);
                }
            }
        }
    }

    @Test
    void the_nearest_are_in_order_and_the_first_of_equals() {
        float[] values = {9, 1, 5, 3, 5, 2, 5};
        assertThat(NearestNeighbours.nearest(values, 1, 6, 3)).containsExactly(1, 3, 5);
        assertThat(NearestNeighbours.nearest(values, 0, 3, 5)).containsExactly(0, 2, 1);
    }

    @Test
    void features_that_do_not_fit_are_refused() {
        assertThatThrownBy(() -> new Features(3, new float[5], new int[2], 2))
                .hasMessage("Features: values must be [2, 3], a row for each label, but are 5 numbers");
        assertThatThrownBy(() -> new Features(1, new float[2], new int[] {0, 2}, 2))
                .hasMessage("Features: labels must be in [0, 2), but one is 2");
    }
}
