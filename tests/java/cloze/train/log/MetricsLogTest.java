package cloze.train.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsLogTest {
    @TempDir
    Path folder;

    private static TrainingEvent step(long step) {
        return new TrainingEvent.Step(step, 1.0 / step, 1e-3, 0.5, 1000, step / 8.0, step == 2);
    }

    private static TrainingEvent evaluated(long step) {
        return new TrainingEvent.Evaluated(step, Map.of("val_loss", 0.25 * step), step / 8.0, false);
    }

    private Path write(TrainingEvent... events) throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        try (var log = MetricsLog.open(file, 0)) {
            for (TrainingEvent event : events) {
                log.on(event);
            }
        }
        return file;
    }

    @Test
    void is_one_json_object_a_line() throws IOException {
        Path file = write(step(1), evaluated(1), step(2));
        assertThat(Files.readAllLines(file))
                .containsExactly(
                        "{\"step\":1,\"loss\":1.0,\"learning_rate\":0.001,\"gradient_norm\":0.5,"
                                + "\"units_per_second\":1000.0,\"seconds\":0.125}",
                        "{\"step\":1,\"evaluation\":{\"val_loss\":0.25},\"seconds\":0.125}",
                        "{\"step\":2,\"loss\":0.5,\"learning_rate\":0.001,\"gradient_norm\":0.5,"
                                + "\"units_per_second\":1000.0,\"seconds\":0.25,\"skipped\":true}");
        assertThat(MetricsLog.read(file)).containsExactly(step(1), evaluated(1), step(2));
    }

    @Test
    void lines_after_the_checkpoint_are_cut() throws IOException {
        Path file = write(step(1), step(2), evaluated(2), step(3), evaluated(3));
        Files.writeString(file, "{\"step\":4,\"lo", StandardOpenOption.APPEND);
        assertThat(MetricsLog.read(file)).hasSize(5);
        try (var log = MetricsLog.open(file, 2)) {
            log.on(step(3));
        }
        assertThat(MetricsLog.read(file)).containsExactly(step(1), step(2), evaluated(2), step(3));
    }

    @Test
    void a_line_without_an_end_is_cut_where_nothing_else_is() throws IOException {
        Path file = write(step(1), step(2));
        List<String> whole = Files.readAllLines(file);
        Files.writeString(file, "{\"step\":3,", StandardOpenOption.APPEND);
        MetricsLog.open(file, 100).close();
        assertThat(Files.readString(file)).isEqualTo(String.join("\n", whole) + "\n");
    }

    @Test
    void values_that_are_no_numbers_stay_so() throws IOException {
        var odd = new TrainingEvent.Evaluated(1, Map.of("accuracy", Double.NaN), 1, false);
        assertThat(MetricsLog.read(write(odd))).containsExactly(odd);
    }

    @Test
    void a_line_that_is_no_event_cuts_nothing_behind_it() throws IOException {
        for (String bad : List.of("no JSON", "{}", "[1]", "{\"step\":\"x\"}", "\u00ff\u0000", "")) {
            Path file = write(step(1), step(2), step(3));
            List<String> whole = Files.readAllLines(file);
            byte[] odd = (whole.get(0) + "\n" + bad + "\n" + whole.get(1) + "\n" + whole.get(2))
                    .getBytes(StandardCharsets.ISO_8859_1);
            Files.write(file, odd);
            assertThat(MetricsLog.read(file)).as(bad).containsExactly(step(1), step(2), step(3));
            try (var log = MetricsLog.open(file, 3)) {
                log.on(step(4)); // behind a last line without an end
            }
            assertThat(MetricsLog.read(file)).as(bad).containsExactly(step(1), step(2), step(3), step(4));
            MetricsLog.open(file, 2).close();
            assertThat(MetricsLog.read(file)).as(bad).containsExactly(step(1), step(2));
        }
    }

    @Test
    void an_interrupted_thread_can_still_write() throws IOException {
        Thread.currentThread().interrupt();
        Path file = write(step(1));
        assertThat(Thread.interrupted()).isTrue();
        assertThat(MetricsLog.read(file)).containsExactly(step(1));
    }
}
