package cloze.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.Safetensors;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that are not what a reader expects are named. */
class FileKindTest {
    private static final String POINTER =
            "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0".repeat(64) + "\nsize 548105171\n";

    @TempDir
    Path folder;

    private void assertNamed(byte[] content, String name) throws IOException {
        Path weights = Files.write(folder.resolve("model.safetensors"), content);
        assertThatThrownBy(() -> Safetensors.open(folder))
                .isInstanceOf(IOException.class)
                .hasMessage(weights + ": weights must be a safetensors file, but is " + name);
        Path config = Files.write(folder.resolve("config.json"), content);
        assertThatThrownBy(() -> ConfigJson.read(folder))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(config + ": configuration must be ")
                .hasMessageEndingWith("but is " + name);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    @Test
    void a_pointer_of_git_lfs() throws IOException {
        assertNamed(bytes(POINTER), "a Git LFS pointer, not the file itself: fetch it with git lfs pull");
    }

    @Test
    void an_empty_file() throws IOException {
        assertNamed(new byte[0], "an empty file");
    }

    @Test
    void weights_of_pytorch() throws IOException {
        var zip = new ByteArrayOutputStream();
        try (var out = new ZipOutputStream(zip)) {
            out.putNextEntry(new ZipEntry("archive/data.pkl"));
            out.write(new byte[100]);
        }
        assertNamed(zip.toByteArray(), "a ZIP archive, as PyTorch's .pt, .pth and .bin are");
        assertNamed(
                bytes("\u0080\u0002\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019."),
                "a Python pickle, as old .pt, .pth and .bin of PyTorch are");
    }

    @Test
    void the_page_of_an_error() throws IOException {
        String name = "an HTML page, as a download that failed leaves";
        assertNamed(bytes("<!DOCTYPE html>\n<html><head><title>404</title></head></html>"), name);
        assertNamed(bytes("\n<html lang=\"en\"><body>Not Found</body></html>"), name);
    }

    @Test
    void compressed_files() throws IOException {
        var gz = new ByteArrayOutputStream();
        try (var out = new GZIPOutputStream(gz)) {
            out.write(new byte[1000]);
        }
        assertNamed(gz.toByteArray(), "compressed by gzip: unpack it first");
    }

    @Test
    void a_folder_where_a_file_was_meant_and_nothing_where_one_was_meant() throws IOException {
        Path weights = Files.createDirectory(folder.resolve("model.safetensors"));
        assertThatThrownBy(() -> Safetensors.open(folder))
                .hasMessage(weights + ": safetensors must be a regular file, but is a folder");
        assertThatThrownBy(() -> Safetensors.open(folder.resolve("none")))
                .hasMessageEndingWith("none: safetensors must be a regular file, but is missing");
        Files.createDirectory(folder.resolve("config.json"));
        assertThatThrownBy(() -> ConfigJson.read(folder))
                .hasMessageEndingWith("config.json: configuration must be a file of at most 1 MiB, but is a folder");
    }

    @Test
    void a_folder_with_weights_of_another_format() throws IOException {
        Files.write(folder.resolve("pytorch_model.bin"), new byte[9]);
        assertThatThrownBy(() -> Safetensors.open(folder)).hasMessageEndingWith("another format: pytorch_model.bin");
    }

    @Test
    void a_tar_by_its_magic_and_unknown_bytes_not_at_all() {
        byte[] tar = new byte[512];
        System.arraycopy(bytes("ustar"), 0, tar, 257, 5);
        assertThat(FileKind.of(tar)).contains("a tar archive");
        assertThat(FileKind.of(new byte[512])).isEmpty();
    }
}
