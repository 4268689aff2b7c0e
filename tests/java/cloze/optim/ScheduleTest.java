package cloze.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ScheduleTest {
    private static List<Schedule> decaying() {
        return List.of(
                new Schedule.Linear(10, 110, 0.1),
                new Schedule.Cosine(10, 110, 0.1),
                new Schedule.WarmupStableDecay(10, 110, 0.1));
    }

    @ParameterizedTest
    @MethodSource("decaying")
    void corners_are_exact(Schedule schedule) {
        assertThat(schedule.factor(0)).isEqualTo(0.1);
        assertThat(schedule.factor(4)).isEqualTo(0.5);
        assertThat(schedule.factor(9)).isEqualTo(1);
        assertThat(schedule.factor(10)).isEqualTo(1);
        assertThat(schedule.factor(110)).isEqualTo(0.1);
        assertThat(schedule.factor(1_000_000_000_000L)).isEqualTo(0.1);
    }

    @ParameterizedTest
    @MethodSource("decaying")
    void never_rises_after_the_warm_up(Schedule schedule) {
        for (int step = 10; step < 120; step++) {
            assertThat(schedule.factor(step + 1)).isLessThanOrEqualTo(schedule.factor(step));
        }
    }

    @Test
    void without_warm_up_the_first_step_is_at_the_peak() {
        assertThat(new Schedule.Constant(0).factor(0)).isEqualTo(1);
        assertThat(new Schedule.Linear(0, 4, 0).factor(0)).isEqualTo(1);
        assertThat(new Schedule.Linear(0, 4, 0).factor(1)).isEqualTo(0.75);
        assertThat(new Schedule.Linear(0, 4, 0).factor(4)).isZero();
    }

    @Test
    void a_constant_stays() {
        assertThat(new Schedule.Constant(2).factor(0)).isEqualTo(0.5);
        assertThat(new Schedule.Constant(2).factor(Long.MAX_VALUE)).isEqualTo(1);
    }

    @Test
    void half_way_the_cosine_is_half_way() {
        assertThat(new Schedule.Cosine(10, 110, 0.1).factor(60)).isEqualTo(0.55, within(1e-15));
        assertThat(new Schedule.Cosine(0, 600_000, 0).factor(150_000))
                .isEqualTo((1 + Math.sqrt(0.5)) / 2, within(1e-15));
    }

    @Test
    void warmup_stable_decay_turns_at_the_last_fifth() {
        var schedule = new Schedule.WarmupStableDecay(10, 100, 0);
        assertThat(schedule.factor(80)).isEqualTo(1);
        assertThat(schedule.factor(81)).isEqualTo(1 - Math.sqrt(1 / 20.0), within(1e-15));
        assertThat(schedule.factor(85)).isEqualTo(0.5);
        assertThat(schedule.factor(100)).isZero();
    }

    @Test
    void a_run_that_is_all_warm_up_ends_at_the_peak() {
        assertThat(new Schedule.Cosine(5, 5, 0.1).factor(4)).isEqualTo(1);
        assertThat(new Schedule.WarmupStableDecay(95, 100, 0.1).factor(94)).isEqualTo(1);
        assertThat(new Schedule.WarmupStableDecay(95, 100, 0.1).factor(95)).isEqualTo(1);
    }

    @Test
    void rejects_a_warm_up_longer_than_the_run() {
        assertThatThrownBy(() -> new Schedule.Cosine(11, 10, 0.1))
                .hasMessage("Schedule: warmup must be between 0 and the 10 steps, but is 11");
        assertThatThrownBy(() -> new Schedule.Linear(1, 10, 1.5))
                .hasMessage("Schedule: finalFraction must be in [0, 1], but is 1.5");
    }
}
