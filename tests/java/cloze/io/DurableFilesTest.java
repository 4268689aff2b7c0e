package cloze.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DurableFilesTest {
    @TempDir
    Path folder;

    @Test
    void replaces_a_file_and_leaves_no_unfinished_one() throws IOException {
        Path file = folder.resolve("note");
        Files.writeString(folder.resolve(".note" + DurableFiles.UNFINISHED), "left by a killed process");
        DurableFiles.replace(file, new byte[] {1, 2, 3});
        DurableFiles.replace(file, new byte[] {4});
        assertThat(file).hasBinaryContent(new byte[] {4});
        assertThat(names()).containsExactly("note");
    }

    @Test
    void keeps_the_old_file_if_writing_the_new_one_fails() throws IOException {
        Path file = folder.resolve("note");
        DurableFiles.replace(file, new byte[] {1, 2, 3});
        assertThatThrownBy(() -> DurableFiles.replace(file, _ -> {
                    throw new IOException("the disk is full");
                }))
                .hasMessage("the disk is full");
        assertThat(file).hasBinaryContent(new byte[] {1, 2, 3});
        assertThat(names()).containsExactly("note");
    }

    @Test
    void replaces_a_symbolic_link_and_not_the_file_behind_it() throws IOException {
        Path target = Files.writeString(folder.resolve("target"), "old");
        Path link = Files.createSymbolicLink(folder.resolve("link"), target);
        DurableFiles.replace(link, new byte[] {1});
        assertThat(target).hasContent("old");
        assertThat(link).hasBinaryContent(new byte[] {1}).isRegularFile();
        assertThat(Files.isSymbolicLink(link)).isFalse();
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }
}
