package cloze.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ShapeTest {
    private static final Shape SHAPE = new Shape(8, 197, 768);

    @Test
    void counts_extents_from_either_end() {
        assertThat(SHAPE.extent(0)).isEqualTo(8);
        assertThat(SHAPE.extent(-1)).isEqualTo(768);
        assertThat(SHAPE.rows()).isEqualTo(8 * 197);
        assertThat(SHAPE.size()).isEqualTo(8 * 197 * 768);
        assertThat(new Shape().size()).isEqualTo(1);
        assertThat(new Shape(3, 0).rows()).isZero();
    }

    @Test
    void changes_its_last_axis() {
        assertThat(SHAPE.withLast(3)).isEqualTo(new Shape(8, 197, 3)).hasToString("[8, 197, 3]");
        assertThat(SHAPE.dropLast()).isEqualTo(new Shape(8, 197)).hasSameHashCodeAs(new Shape(8, 197));
        assertThat(SHAPE.endsWith(new Shape(197, 768))).isTrue();
        assertThat(SHAPE.endsWith(new Shape(8, 197))).isFalse();
        assertThat(new Shape(2).endsWith(SHAPE)).isFalse();
    }

    @Test
    void rejects_negative_extents_and_sizes_past_a_long() {
        assertThatThrownBy(() -> new Shape(2, -1)).hasMessage("negative extent in shape [2, -1]");
        assertThatThrownBy(() -> new Shape(1 << 30, 1 << 30, 1 << 30)).isInstanceOf(ArithmeticException.class);
    }

    @Test
    void keeps_no_hold_of_the_array_it_was_made_of() {
        int[] extents = {2, 3};
        var shape = new Shape(extents);
        extents[0] = 5;
        shape.extents()[1] = 5;
        assertThat(shape).isEqualTo(new Shape(2, 3));
    }
}
