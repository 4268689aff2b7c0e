package cloze.train;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointFolder;
import cloze.checkpoint.Safetensors;
import cloze.tensor.Scope;
import cloze.train.log.TrainingEvent;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training in a process of its own that is killed (SIGKILL) at random moments, or interrupted (SIGINT). */
class KilledTrainerTest {
    private static final int KILLS = 22;
    private static final long STEPS = 3000;

    @TempDir
    Path temporary;

    /** Begins or goes on with a run: folder, threads, milliseconds of pause every fourth step. */
    static final class Child {
        public static void main(String[] arguments) throws IOException {
            Path path = Path.of(arguments[0]);
            int pause = Integer.parseInt(arguments[2]);
            boolean exists = Files.exists(path.resolve("config.json"));
            try (Backend backend = TinyModel.cpu(Integer.parseInt(arguments[1]));
                    Scope scope = backend.memory().scope("model");
                    RunFolder folder = exists ? RunFolder.resume(path) : RunFolder.create(path)) {
                Files.writeString(folder.config(), "{}");
                var hooks = TrainingHooks.NONE.withListener(event -> said(event, pause));
                var config = TinyModel.config(STEPS)
                        .withCadence(Cadence.of(0, 0, 40))
                        .withEma(0.99)
                        .withGuards(Guards.skippingOutliers());
                var trainer = new Trainer(backend, TinyModel.on(backend, scope), config, hooks, folder);
                try (StopOnExit _ = StopOnExit.of(trainer)) {
                    var ended = trainer.run();
                    System.out.println(ended.reason() + " " + ended.step());
                }
            }
        }

        private static void said(TrainingEvent event, int pause) {
            if (event instanceof TrainingEvent.Step step && step.step() % 4 == 0 && pause > 0) {
                try {
                    Thread.sleep(pause);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            } else if (event instanceof TrainingEvent.Started started) {
                System.out.println("ready " + started.step());
            }
        }
    }

    private static Process start(Path run, int threads, int pause) throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String libraries = System.getProperty("cloze.cpu.libraries");
        return new ProcessBuilder(
                        "env", // a background job of a shell would ignore SIGINT
                        "--default-signal=INT",
                        java,
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "--enable-native-access=ALL-UNNAMED",
                        libraries == null ? "-Dnothing" : "-Dcloze.cpu.libraries=" + libraries,
                        "-cp",
                        System.getProperty("java.class.path"),
                        Child.class.getName(),
                        run.toString(),
                        "" + threads,
                        "" + pause)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static String untilTheEnd(Path run, int threads) throws IOException, InterruptedException {
        Process process = start(run, threads, 0);
        try (BufferedReader said = process.inputReader()) {
            List<String> lines = said.lines().toList();
            assertThat(process.waitFor()).as("exit code").isZero();
            return lines.getLast();
        }
    }

    private static float[] weights(Path run, String name) throws IOException {
        try (var model = Safetensors.open(run.resolve("model.safetensors"))) {
            float[] floats = new float[(int) model.tensor(name).size()];
            model.copyTo(name, MemorySegment.ofArray(floats));
            return floats;
        }
    }

    private static List<String> steps(Path run) throws IOException {
        return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
                .map(line -> line.replaceAll(",\"(units_per_second|seconds)\":[-+.E0-9]+", ""))
                .toList();
    }

    @Test
    void a_run_that_was_killed_gives_the_bits_of_one_that_was_not() throws Exception {
        Path killed = temporary.resolve("killed");
        var random = new SplittableRandom(4);
        int kills = 0;
        while (kills < KILLS) {
            Process process = start(killed, 1, 2);
            try (BufferedReader said = process.inputReader()) {
                assertThat(said.readLine()).startsWith("ready ");
                Thread.sleep(random.nextInt(100));
                assertThat(process.isAlive())
                        .as("still training when it is killed")
                        .isTrue();
                process.destroyForcibly().waitFor();
            }
            kills++;
        }
        assertThat(untilTheEnd(killed, 1)).startsWith("FINISHED 3000");
        Path whole = temporary.resolve("whole");
        assertThat(untilTheEnd(whole, 2)).startsWith("FINISHED 3000");
        for (String name : List.of("table", "norm.weight", "norm.bias", "up.weight", "up.bias", "down.weight")) {
            assertThat(weights(killed, name)).as(name).isEqualTo(weights(whole, name));
        }
        assertThat(steps(killed)).isEqualTo(steps(whole));
        assertThat(steps(whole)).hasSize((int) STEPS);
    }

    @Test
    void an_interrupt_finishes_the_step_and_writes_a_checkpoint() throws Exception {
        Process process = start(temporary, 1, 5);
        try (BufferedReader said = process.inputReader()) {
            assertThat(said.readLine()).isEqualTo("ready 0");
            Thread.sleep(200);
            new ProcessBuilder("kill", "-INT", "" + process.pid()).start().waitFor();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            String last = said.readLine();
            assertThat(last).startsWith("STOP_REQUESTED ");
            long step = Long.parseLong(last.substring(last.lastIndexOf(' ') + 1));
            assertThat(step).isPositive();
            try (var checkpoint = new CheckpointFolder(temporary).latest().orElseThrow()) {
                assertThat(checkpoint.step()).isEqualTo(step);
            }
            assertThat(steps(temporary)).hasSize((int) step);
        }
        assertThat(untilTheEnd(temporary, 1)).startsWith("FINISHED 3000");
    }
}
