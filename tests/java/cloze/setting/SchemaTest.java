package cloze.setting;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SchemaTest {
    enum Colour {
        DARK_RED,
        BLUE
    }

    record Inner(
            @Setting(value = "A share.", above = 0, below = 1)
            double share,

            @Setting(value = "A count.", min = 1) int microBatches) {
        Inner {
            Schema.check(Inner.class, share, microBatches);
        }
    }

    record Outer(
            Inner inner,

            @Setting(value = "Steps.", min = 0, group = "length")
            long steps,

            @Setting(value = "Epochs.", min = 0, group = "length")
            double epochs,

            @Setting("A colour.") Colour colour,

            @Setting(
                    value = "Grey or colour.",
                    oneOf = {"0", "1", "3"})
            int channels,

            @Setting(value = "Mirror no images.", off = "raw")
            boolean flip,

            List<String> names,
            @Nullable String note) {
        Outer {
            Schema.check(Outer.class, inner, steps, epochs, colour, channels, flip, names, note);
        }
    }

    private static final Outer USUAL =
            new Outer(new Inner(0.5, 2), 100, 0, Colour.DARK_RED, 3, true, List.of("a"), null);

    @TempDir
    private Path folder;

    @Test
    void fields_have_paths_flags_and_bounds() {
        List<Field> fields = Schema.fields(Outer.class);
        assertThat(fields)
                .extracting(Field::path)
                .containsExactly("inner.share", "inner.microBatches", "steps", "epochs", "colour", "channels", "flip");
        assertThat(fields.get(1).flags()).containsExactly("--micro-batches");
        assertThat(fields.get(0).bounds()).isEqualTo("above 0 and below 1");
        assertThat(fields.get(1).bounds()).isEqualTo("1 or more");
        assertThat(fields.get(4).bounds()).isEqualTo("one of dark_red, blue");
        assertThat(fields.get(5).bounds()).isEqualTo("one of 0, 1, 3");
        assertThat(fields.get(6).off()).isEqualTo("--raw");
    }

    @Test
    void a_component_changes_wherever_it_lies_and_its_group_becomes_0() {
        Outer changed = Schema.with(USUAL, Map.of("inner.share", 0.25, "epochs", 3));
        assertThat(changed)
                .isEqualTo(new Outer(new Inner(0.25, 2), 0, 3, Colour.DARK_RED, 3, true, List.of("a"), null));
        assertThat(Schema.get(changed, "inner.share")).isEqualTo(0.25);
        assertThatThrownBy(() -> Schema.with(USUAL, Map.of("steps", 1, "epochs", 1)))
                .hasMessage("--steps and --epochs exclude each other");
    }

    @Test
    void bounds_hold_wherever_a_record_is_made() {
        assertThatThrownBy(() -> new Inner(1, 2)).hasMessage("Inner: share must be above 0 and below 1, but it is 1");
        assertThatThrownBy(() -> new Inner(Double.NaN, 2)).hasMessageContaining("share must be");
        assertThatThrownBy(() -> Schema.with(USUAL, "channels", 5))
                .hasMessage("Outer: channels must be one of 0, 1, 3, but it is 5");
    }

    private ConfigJson json(String text) throws IOException {
        Path file = folder.resolve("config.json");
        Files.writeString(file, text);
        return ConfigJson.read(file);
    }

    @Test
    void a_record_reads_what_it_wrote() throws IOException {
        Path file = folder.resolve("config.json");
        ConfigJson.write(file, Schema.json(USUAL));
        assertThat(Files.readString(file)).contains("\"colour\" : \"dark_red\"").doesNotContain("note");
        assertThat(Schema.read(ConfigJson.read(file), Outer.class, null)).isEqualTo(USUAL);
    }

    @Test
    void absent_keys_have_their_usual_values_and_must_be_there_if_there_are_none() throws IOException {
        ConfigJson some = json("{\"steps\": 7, \"inner\": {\"share\": 0.1}}");
        assertThat(Schema.read(some, Outer.class, USUAL).inner()).isEqualTo(new Inner(0.1, 2));
        assertThatThrownBy(() -> Schema.read(some, Outer.class, null))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("inner.microBatches must be given, but is missing");
    }

    @Test
    void what_is_wrong_is_said_with_its_place() throws IOException {
        ConfigJson unknown = json("{\"inner\": {\"microBatch\": 1}}");
        assertThatThrownBy(() -> Schema.read(unknown, Outer.class, USUAL))
                .hasMessageContaining("inner.microBatch must be spelled microBatches, but is unknown");
        ConfigJson type = json("{\"inner\": {\"share\": \"much\"}}");
        assertThatThrownBy(() -> Schema.read(type, Outer.class, USUAL))
                .hasMessageContaining("inner.share must be a number");
        ConfigJson constant = json("{\"colour\": \"green\"}");
        assertThatThrownBy(() -> Schema.read(constant, Outer.class, USUAL))
                .hasMessageContaining("colour must be dark_red or blue, but is green");
        ConfigJson bound = json("{\"channels\": 2}");
        assertThatThrownBy(() -> Schema.read(bound, Outer.class, USUAL))
                .hasMessageContaining("channels must be one of 0, 1, 3, but it is 2");
    }
}
