package cloze.cli.image;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.setting.Nearest;
import java.util.List;
import org.junit.jupiter.api.Test;

final class NearestTest {
    private static final List<String> OPTIONS = List.of("-h", "--help", "--steps", "--seed", "--checkpoint-every");

    @Test
    void finds_what_was_meant() {
        assertThat(Nearest.to("--step", OPTIONS)).isEqualTo("--steps");
        assertThat(Nearest.to("--stpes", OPTIONS)).isEqualTo("--steps");
        assertThat(Nearest.to("--sead", OPTIONS)).isEqualTo("--seed");
        assertThat(Nearest.to("--checkpoint", OPTIONS)).isEqualTo("--checkpoint-every");
    }

    @Test
    void finds_nothing_where_nothing_is_near() {
        assertThat(Nearest.to("--learning-rate", OPTIONS)).isNull();
        assertThat(Nearest.to("x", OPTIONS)).isNull();
        assertThat(Nearest.to("--help", List.of())).isNull();
    }
}
