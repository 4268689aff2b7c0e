package cloze.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.tensor.Shape;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process that does nothing but write checkpoints is killed (SIGKILL) again and again. */
class KilledWriterTest {
    private static final int KILLS = 24;
    private static final int SIZE = 200_000;

    @TempDir
    Path run;

    /** Goes on from the newest checkpoint and says each step whose checkpoint is written. */
    static final class Writer {
        public static void main(String[] arguments) throws IOException {
            var folder = new CheckpointFolder(Path.of(arguments[0]));
            folder.recover();
            long step = 1;
            try (var newest = folder.latest().orElse(null)) {
                step = newest == null ? 1 : newest.step() + 1;
            }
            System.out.println("ready");
            for (; ; step++) {
                write(folder, step);
                System.out.println(step);
            }
        }

        private static void write(CheckpointFolder folder, long step) throws IOException {
            folder.write(step, checkpoint -> {
                checkpoint.model().add("w", StoredType.F32, new Shape(SIZE), filled(step));
                checkpoint.state().add("m", StoredType.F32, new Shape(SIZE), filled(-step));
                checkpoint.put("cursor", step * 1_000_003).put("loss", 1.0 / step);
            });
        }

        private static MemorySegment filled(long value) {
            float[] floats = new float[SIZE];
            Arrays.fill(floats, (float) value);
            return MemorySegment.ofArray(floats);
        }
    }

    @Test
    void every_moment_of_death_leaves_a_whole_checkpoint() throws Exception {
        var random = new SplittableRandom(9);
        int unfinished = 0;
        long newest = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            long said = writeUntilKilled(kill % 4 == 0 ? 0 : 1, random.nextInt(80));
            unfinished += isUnfinished() ? 1 : 0;
            newest = requireWhole(Math.max(newest, said));
            if (newest > 0) {
                requireModelNear(newest);
            }
        }
        assertThat(newest).isGreaterThan(1);
        assertThat(unfinished).as("kills in the midst of a write").isPositive();
        new CheckpointFolder(run).recover();
        assertThat(isUnfinished()).isFalse();
        try (var model = Safetensors.open(run)) {
            assertThat(model.metadata()).containsEntry("step", "" + newest);
        }
    }

    /** @return the last step that was said to be written, 0 if none */
    private long writeUntilKilled(int writes, int milliseconds) throws IOException, InterruptedException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        Process process = new ProcessBuilder(
                        java,
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Writer.class.getName(),
                        run.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader said = process.inputReader()) {
            assertThat(said.readLine()).isEqualTo("ready");
            long last = 0;
            for (int i = 0; i < writes; i++) {
                last = Long.parseLong(said.readLine());
            }
            Thread.sleep(milliseconds);
            // not of the process itself: that would close its output
            assertThat(process.toHandle().destroyForcibly()).isTrue();
            process.waitFor();
            return said.lines().mapToLong(Long::parseLong).max().orElse(last);
        }
    }

    private boolean isUnfinished() throws IOException {
        try (var files = Files.list(run)) {
            return files.anyMatch(file -> file.toString().endsWith(".tmp"));
        }
    }

    private long requireWhole(long atLeast) throws IOException {
        var latest = new CheckpointFolder(run).latest();
        if (latest.isEmpty()) {
            assertThat(atLeast).isZero();
            return 0;
        }
        try (Checkpoint checkpoint = latest.get()) {
            long step = checkpoint.step();
            assertThat(step).isGreaterThanOrEqualTo(atLeast);
            assertThat(checkpoint.model().segment("w").mismatch(Writer.filled(step)))
                    .isEqualTo(-1);
            assertThat(checkpoint.state().segment("m").mismatch(Writer.filled(-step)))
                    .isEqualTo(-1);
            assertThat(checkpoint.whole("cursor")).isEqualTo(step * 1_000_003);
            assertThat(checkpoint.number("loss")).isEqualTo(1.0 / step);
            return step;
        }
    }

    /** The link beside the checkpoints may lag by the one whose writer was killed, but is whole. */
    private void requireModelNear(long newest) throws IOException {
        if (!Files.exists(run.resolve("model.safetensors"))) {
            assertThat(newest).isEqualTo(1);
            return;
        }
        try (var model = Safetensors.open(run)) {
            long step = Long.parseLong(model.metadata().getOrDefault("step", ""));
            assertThat(step).isBetween(newest - 1, newest);
            assertThat(model.segment("w").mismatch(Writer.filled(step))).isEqualTo(-1);
        }
    }
}
