package cloze.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class OutlierWindowTest {
    @Test
    void judges_only_once_it_is_full() {
        var window = new OutlierWindow();
        for (int i = 0; i < OutlierWindow.LENGTH - 1; i++) {
            assertThat(window.add(i % 2)).isZero();
        }
        assertThat(window.add(1e6)).isZero();
        assertThat(window.add(1e6)).isPositive();
    }

    @Test
    void says_how_many_deviations_from_the_mean() {
        var window = new OutlierWindow();
        double[] values = new SplittableRandom(1).doubles(200).toArray();
        double z = 0;
        for (double value : values) {
            z = window.add(value);
        }
        double mean = 0;
        double square = 0;
        for (int i = 72; i < 200; i++) {
            mean += values[i] / 128;
            square += values[i] * values[i] / 128;
        }
        assertThat(z).isEqualTo((values[199] - mean) / Math.sqrt(square - mean * mean), within(1e-9));
    }

    @Test
    void equal_values_are_no_outliers() {
        var window = new OutlierWindow();
        for (int i = 0; i < 300; i++) {
            assertThat(window.add(2.5)).isZero();
        }
    }

    @Test
    void a_spike_lies_far_beyond_seven() {
        var window = new OutlierWindow();
        var random = new SplittableRandom(2);
        for (int i = 0; i < 200; i++) {
            assertThat(window.add(random.nextDouble())).isLessThan(7);
        }
        assertThat(window.add(100)).isGreaterThan(7);
    }

    @Test
    void goes_on_after_a_restore_as_if_nothing_happened() {
        var window = new OutlierWindow();
        var random = new SplittableRandom(3);
        for (int i = 0; i < 150; i++) {
            window.add(random.nextDouble());
        }
        var restored = new OutlierWindow();
        restored.restore(window.count(), window.values());
        for (int i = 0; i < 300; i++) {
            double value = random.nextDouble();
            assertThat(restored.add(value)).isEqualTo(window.add(value));
        }
    }
}
