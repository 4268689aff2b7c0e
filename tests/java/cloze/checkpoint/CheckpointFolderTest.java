package cloze.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointFolderTest {
    @TempDir
    Path run;

    private static MemorySegment floats(float value) {
        return MemorySegment.ofArray(new float[] {value, value, value});
    }

    private static void write(CheckpointFolder folder, long step) throws IOException {
        folder.write(step, checkpoint -> {
            checkpoint.model().add("w", StoredType.F32, new Shape(3), floats((float) step));
            checkpoint.state().add("m", StoredType.F32, new Shape(3), floats((float) -step));
        });
    }

    private List<String> names() throws IOException {
        try (var files = Files.list(run)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private static float weight(Safetensors file) throws IOException {
        float[] floats = new float[3];
        file.copyTo("w", MemorySegment.ofArray(floats));
        return floats[0];
    }

    @Test
    void weights_state_and_values_come_back_exactly() throws IOException {
        var folder = new CheckpointFolder(run);
        String tuning = "threads=2\n\"tile\" = 6x16 \u00b5\n";
        folder.write(7, checkpoint -> {
            checkpoint.model().add("w", StoredType.F32, new Shape(3), floats(1.5f));
            checkpoint.state().add("adam.m", StoredType.F32, new Shape(3), floats(Float.MIN_VALUE));
            checkpoint.put("tuning", tuning).put("seed", Long.MIN_VALUE).put("cursor", Long.MAX_VALUE);
            checkpoint.put("best", 0.1 + 0.2).put("least", Double.MIN_VALUE).put("none", Double.NaN);
            checkpoint.put("zero", -0.0).put("infinite", Double.NEGATIVE_INFINITY);
        });
        try (Checkpoint checkpoint = folder.latest().orElseThrow()) {
            assertThat(checkpoint.step()).isEqualTo(7);
            assertThat(weight(checkpoint.model())).isEqualTo(1.5f);
            assertThat(checkpoint.state().segment("adam.m").mismatch(floats(Float.MIN_VALUE)))
                    .isEqualTo(-1);
            assertThat(checkpoint.text("tuning")).isEqualTo(tuning);
            assertThat(checkpoint.whole("seed")).isEqualTo(Long.MIN_VALUE);
            assertThat(checkpoint.whole("cursor")).isEqualTo(Long.MAX_VALUE);
            assertThat(checkpoint.number("best")).isEqualTo(0.1 + 0.2);
            assertThat(checkpoint.number("least")).isEqualTo(Double.MIN_VALUE);
            assertThat(checkpoint.number("none")).isNaN();
            assertThat(1 / checkpoint.number("zero")).isEqualTo(Double.NEGATIVE_INFINITY);
            assertThat(checkpoint.number("infinite")).isEqualTo(Double.NEGATIVE_INFINITY);
            assertThatThrownBy(() -> checkpoint.whole("tuning")).isInstanceOf(CheckpointException.class);
            assertThatThrownBy(() -> checkpoint.text("nothing"))
                    .hasMessageEndingWith("metadata nothing must be in the file, but is missing");
        }
    }

    @Test
    void a_run_without_checkpoints_has_none() throws IOException {
        assertThat(new CheckpointFolder(run).latest()).isEmpty();
        var missing = new CheckpointFolder(run.resolve("missing"));
        missing.recover();
        assertThat(missing.latest()).isEmpty();
    }

    @Test
    void the_newest_are_kept_and_the_model_is_that_of_the_newest() throws IOException {
        var folder = new CheckpointFolder(run, 2);
        for (long step : new long[] {100, 200, 300}) {
            write(folder, step);
        }
        assertThat(names())
                .containsExactly("checkpoint-000002-step-200", "checkpoint-000003-step-300", "model.safetensors");
        try (var model = Safetensors.open(run)) {
            assertThat(weight(model)).isEqualTo(300);
            assertThat(model.metadata()).containsEntry("step", "300").containsEntry("format", "pt");
        }
    }

    @Test
    void a_run_that_went_back_to_an_older_step_goes_on_from_there() throws IOException {
        var folder = new CheckpointFolder(run, 5);
        for (long step : new long[] {100, 200, 100, 100}) {
            write(folder, step);
        }
        try (Checkpoint checkpoint = folder.latest().orElseThrow()) {
            assertThat(checkpoint.step()).isEqualTo(100);
        }
        assertThat(names()).contains("checkpoint-000004-step-100");
    }

    @Test
    void what_a_killed_writer_left_is_removed_and_the_model_caught_up() throws IOException {
        var folder = new CheckpointFolder(run, 3);
        write(folder, 100);
        write(folder, 200);
        Files.delete(run.resolve("model.safetensors"));
        Files.createLink(run.resolve("model.safetensors"), run.resolve("checkpoint-000001-step-100/model.safetensors"));
        Files.createDirectory(run.resolve("checkpoint-000003-step-300.tmp"));
        Files.writeString(run.resolve("checkpoint-000003-step-300.tmp/model.safetensors"), "half");
        Files.writeString(run.resolve(".model.safetensors.tmp"), "half");
        try (Checkpoint checkpoint = folder.latest().orElseThrow()) {
            assertThat(checkpoint.step()).isEqualTo(200);
        }
        folder.recover();
        assertThat(names())
                .containsExactly("checkpoint-000001-step-100", "checkpoint-000002-step-200", "model.safetensors");
        try (var model = Safetensors.open(run)) {
            assertThat(weight(model)).isEqualTo(200);
        }
    }

    @Test
    void a_writer_that_fails_leaves_the_last_checkpoint() throws IOException {
        var folder = new CheckpointFolder(run);
        write(folder, 100);
        List<String> before = names();
        assertThatThrownBy(() -> folder.write(200, checkpoint -> {
                    checkpoint.model().add("w", StoredType.F32, new Shape(3), floats(2));
                    checkpoint.state().add("m", StoredType.F32, new Shape(3), memory -> {
                        throw new IOException("disk full");
                    });
                }))
                .hasMessage("disk full");
        assertThat(names()).isEqualTo(before);
    }

    @Test
    void a_damaged_checkpoint_is_passed_over_for_the_one_before() throws IOException {
        var folder = new CheckpointFolder(run);
        write(folder, 100);
        write(folder, 200);
        Path state = run.resolve("checkpoint-000002-step-200/state.safetensors");
        Files.write(state, new byte[] {1, 2, 3});
        try (Checkpoint checkpoint = folder.latest().orElseThrow()) {
            assertThat(checkpoint.step()).isEqualTo(100);
        }
        Files.delete(run.resolve("checkpoint-000001-step-100/model.safetensors"));
        assertThatThrownBy(folder::latest)
                .isInstanceOf(CheckpointException.class)
                .hasMessage(state + ": size must be at least 8 bytes, but is 3 bytes");
    }

    @Test
    void weights_and_state_of_two_moments_are_not_taken_for_one() throws IOException {
        var folder = new CheckpointFolder(run);
        write(folder, 100);
        Path first = run.resolve("checkpoint-000001-step-100");
        byte[] old = Files.readAllBytes(first.resolve("state.safetensors"));
        write(folder, 200);
        Path second = run.resolve("checkpoint-000002-step-200");
        Files.write(second.resolve("state.safetensors"), old);
        Files.delete(first.resolve("state.safetensors"));
        assertThatThrownBy(folder::latest)
                .hasMessageEndingWith("moment must be generation 2, step 200, but is generation 1, step 100");
    }

    @Test
    void a_step_below_zero_and_keeping_none_are_refused() {
        assertThatThrownBy(() -> write(new CheckpointFolder(run), -1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new CheckpointFolder(run, 0)).isInstanceOf(IllegalArgumentException.class);
    }
}
