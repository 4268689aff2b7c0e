package cloze.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
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

    @Test
    void a_start_that_failed_leaves_what_was_there_and_nothing_else() throws IOException {
        Path path = temporary.resolve("a/b/run");
        try (var folder = RunFolder.create(path)) {
            Files.writeString(folder.config(), "{}");
            Files.writeString(folder.metrics(), "");
            folder.abandon();
        }
        assertThat(temporary.resolve("a")).doesNotExist();

        Files.createDirectories(path);
        Files.writeString(path.resolve("tokenizer.json"), "mine");
        try (var folder = RunFolder.create(path)) {
            Files.writeString(folder.config(), "{}");
            Files.writeString(path.resolve("notes.txt"), "of another program");
            folder.abandon();
        }
        try (Stream<Path> left = Files.list(path)) {
            assertThat(left)
                    .extracting(file -> file.getFileName().toString())
                    .containsExactlyInAnyOrder("tokenizer.json", "notes.txt");
        }
    }

    @Test
    void a_run_that_has_begun_stays_when_it_fails() throws IOException {
        Path path = temporary.resolve("run");
        try (var folder = RunFolder.create(path)) {
            Files.writeString(folder.config(), "{}");
            folder.begin();
            folder.abandon();
        }
        try (var folder = RunFolder.resume(path)) {
            folder.abandon();
        }
        assertThat(path.resolve("config.json")).exists();
    }

    @Test
    void links_in_a_folder_of_others_lead_nothing_out_of_it() throws IOException {
        Path outside = temporary.resolve("outside");
        for (String name : List.of(
                ".lock",
                "config.json",
                "tokenizer.json",
                "model.safetensors",
                "best.safetensors",
                "metrics.jsonl",
                "loss.png",
                "reconstruction-000010.png",
                "results.jsonl",
                "events.out.tfevents.0000000001.cloze.0",
                "checkpoint-000001-step-1",
                ".config.json.tmp")) {
            Path path = Files.createDirectories(temporary.resolve("foreign " + name));
            Files.writeString(path.resolve("config.json"), "{}");
            Files.deleteIfExists(path.resolve(name));
            Files.createSymbolicLink(path.resolve(name), outside);
            assertThatThrownBy(() -> RunFolder.resume(path))
                    .isInstanceOf(IOException.class)
                    .hasMessageStartingWith("%s is a symbolic link to %s", path.resolve(name), outside);
            assertThat(outside).doesNotExist();
        }
    }

    @Test
    void a_folder_that_is_gone_is_not_made_anew() throws IOException {
        Path path = temporary.resolve("run");
        try (var folder = RunFolder.create(path)) {
            folder.requirePresent();
            Files.delete(path.resolve(".lock"));
            Files.delete(path);
            assertThatThrownBy(folder::requirePresent)
                    .hasMessage("%s was removed or moved while a run trains in it: nothing more can be saved", path);
        }
        assertThat(path).doesNotExist();
    }
}
