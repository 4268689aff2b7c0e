package cloze.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Libraries are loaded from files that hold what the jar holds. */
class UnpackedLibraryTest {
    private static final byte[] CONTENT = "a library of this test".repeat(1000).getBytes(StandardCharsets.UTF_8);

    private final List<Path> made = new ArrayList<>();

    private Path unpack() throws IOException {
        Path file = UnpackedLibrary.of("libtest.so", CONTENT);
        made.add(file);
        return file;
    }

    @AfterEach
    void delete() throws IOException {
        for (Path file : made) {
            Files.deleteIfExists(file);
            Files.deleteIfExists(file.getParent());
        }
    }

    @Test
    void a_changed_file_is_written_anew() throws IOException {
        Path file = unpack();
        byte[] changed = CONTENT.clone();
        changed[777] ^= 1; // of the same size
        for (byte[] other : List.of(changed, new byte[0], new byte[CONTENT.length])) {
            Files.write(file, other);
            assertThat(unpack()).isEqualTo(file).hasBinaryContent(CONTENT);
        }
    }

    @Test
    void a_link_is_replaced_and_not_followed() throws IOException {
        Path file = unpack();
        Path target = Files.createTempFile("other", ".so");
        try {
            Files.write(target, CONTENT);
            Files.delete(file);
            Files.createSymbolicLink(file, target);
            assertThat(Files.isSymbolicLink(unpack())).isFalse();
            assertThat(file).hasBinaryContent(CONTENT);
        } finally {
            Files.delete(target);
        }
    }

    @Test
    void a_file_that_is_right_is_not_written() throws IOException {
        Path file = unpack();
        var before = Files.getLastModifiedTime(file);
        Object key = Files.getAttribute(file, "unix:ino");
        assertThat(Files.getLastModifiedTime(unpack())).isEqualTo(before);
        assertThat(Files.getAttribute(file, "unix:ino")).isEqualTo(key);
    }

    @Test
    void nobody_else_can_write_the_folder() throws IOException {
        Path folder = unpack().getParent();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder)))
                .isEqualTo("rwx------");
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThat(unpack().getParent()).isEqualTo(folder);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder)))
                .isEqualTo("rwx------");
    }

    @Test
    void several_at_a_time_leave_one_whole_file() throws IOException, InterruptedException, ExecutionException {
        Path file = unpack();
        for (int round = 0; round < 20; round++) {
            Files.delete(file);
            Callable<byte[]> work = () -> Files.readAllBytes(UnpackedLibrary.of("libtest.so", CONTENT));
            try (var executor = Executors.newFixedThreadPool(4)) {
                for (Future<byte[]> content : executor.invokeAll(List.of(work, work, work, work))) {
                    assertThat(content.get()).isEqualTo(CONTENT);
                }
            }
        }
        try (Stream<Path> files = Files.list(file.getParent())) {
            assertThat(files).containsExactly(file);
        }
    }
}
