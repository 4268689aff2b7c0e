package cloze.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {
    @TempDir
    Path temporary;

    @Test
    void a_second_trainer_is_told_who_the_first_is() throws IOException {
        Path path = temporary.resolve("run");
        try (var first = RunFolder.create(path)) {
            Files.writeString(first.config(), "{}");
            assertThatThrownBy(() -> RunFolder.resume(path))
                    .isInstanceOf(RunException.class)
                    .hasMessage(String.format(
                            Locale.ROOT,
                            "%s is in use: process %d trains in it",
                            path,
                            ProcessHandle.current().pid()));
        }
        RunFolder.resume(path).close();
    }

    @Test
    void an_existing_run_is_not_overwritten() throws IOException {
        Path path = temporary.resolve("run");
        try (var first = RunFolder.create(path)) {
            Files.writeString(first.metrics(), "{\"step\":1}\n");
        }
        assertThatThrownBy(() -> RunFolder.create(path))
                .isInstanceOf(RunException.class)
                .hasMessage(String.format(
                                Locale.ROOT,
                                "%s already holds a run (metrics.jsonl): resume it with --resume, or choose another folder",
                                path)
                        + " with --run");
        assertThat(Files.readString(path.resolve("metrics.jsonl"))).isEqualTo("{\"step\":1}\n");
        RunFolder.resume(path).close();
    }

    @Test
    void what_was_opened_but_never_begun_can_be_used_again() throws IOException {
        Path path = temporary.resolve("run");
        RunFolder.create(path).close();
        RunFolder.create(path).close();
    }

    @Test
    void nothing_can_not_be_resumed() {
        Path missing = temporary.resolve("missing");
        assertThatThrownBy(() -> RunFolder.resume(missing))
                .hasMessage("%s does not exist: there is no run to resume", missing);
        assertThatThrownBy(() -> RunFolder.resume(temporary))
                .hasMessage("%s holds no run to resume: start one without --resume", temporary);
        assertThat(missing).doesNotExist();
    }
}
