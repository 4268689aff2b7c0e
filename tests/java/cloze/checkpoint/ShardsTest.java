package cloze.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShardsTest {
    @TempDir
    Path folder;

    /** Ten tensors of 400 bytes, at most 1,000 in a shard: five shards. */
    private void writeFive() throws IOException {
        tensors().writeFolder(folder, 1000);
    }

    private static SafetensorsWriter tensors() {
        var writer = new SafetensorsWriter().metadata("format", "pt");
        for (int i = 0; i < 10; i++) {
            writer.add("t" + i, StoredType.F32, new Shape(10, 10), SafetensorsTest.random(i, 400));
        }
        return writer;
    }

    private Path index() {
        return folder.resolve(Safetensors.INDEX);
    }

    private void editIndex(String from, String to) throws IOException {
        String index = Files.readString(index());
        assertThat(index).contains(from);
        Files.writeString(index(), index.replace(from, to));
    }

    private void requireTen() throws IOException {
        try (var read = Safetensors.open(folder)) {
            assertThat(read.tensors()).hasSize(10);
            assertThat(read.metadata()).containsEntry("format", "pt");
            for (int i = 0; i < 10; i++) {
                assertThat(read.segment("t" + i).mismatch(SafetensorsTest.random(i, 400)))
                        .isEqualTo(-1);
            }
        }
    }

    @Test
    void shards_read_as_one() throws IOException {
        writeFive();
        assertThat(folder.resolve("model-00005-of-00005.safetensors")).exists();
        assertThat(folder.resolve("model.safetensors")).doesNotExist();
        assertThat(Files.readString(index())).contains("\"total_size\" : 4000");
        requireTen();
        try (var read = Safetensors.open(folder)) {
            assertThat(read.files()).hasSize(5);
        }
    }

    @Test
    void one_form_replaces_the_other() throws IOException {
        writeFive();
        tensors().writeFolder(folder, 1L << 40);
        requireTen();
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(folder.resolve("model.safetensors"));
        }
        tensors().writeFolder(folder, 1);
        requireTen();
        tensors().writeFolder(folder, 1000);
        requireTen();
        try (var files = Files.list(folder)) {
            assertThat(files).hasSize(6);
        }
    }

    @Test
    void a_missing_shard_is_named() throws IOException {
        writeFive();
        Files.delete(folder.resolve("model-00003-of-00005.safetensors"));
        assertThatThrownBy(() -> Safetensors.open(folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("model-00003-of-00005.safetensors")
                .hasMessageEndingWith("but is missing");
    }

    @Test
    void a_tensor_in_another_shard_than_the_index_says_is_refused() throws IOException {
        writeFive();
        editIndex("\"t0\" : \"model-00001", "\"t0\" : \"model-00002");
        assertThatThrownBy(() -> Safetensors.open(folder))
                .hasMessageContaining("t0 must be in model-00002-of-00005.safetensors")
                .hasMessageEndingWith("but is here");
    }

    @Test
    void a_tensor_that_the_index_promises_and_no_shard_has_is_refused() throws IOException {
        writeFive();
        editIndex("\"t0\" : ", "\"ghost\" : \"model-00001-of-00005.safetensors\", \"t0\" : ");
        assertThatThrownBy(() -> Safetensors.open(folder))
                .hasMessageContaining("ghost must be in model-00001-of-00005.safetensors, but is not there");
    }

    @Test
    void a_tensor_that_the_index_does_not_know_is_refused() throws IOException {
        writeFive();
        editIndex("\"t0\" : ", "\"u0\" : ");
        assertThatThrownBy(() -> Safetensors.open(folder)).hasMessageContaining("t0 must be in no shard");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../model-00001-of-00005.safetensors",
                "/etc/passwd",
                "sub/x.safetensors",
                "..\\\\x.safetensors",
                "..safetensors",
                ".safetensors",
                "x.bin",
                ""
            })
    void an_index_cannot_reach_out_of_its_folder(String shard) throws IOException {
        writeFive();
        editIndex("\"t0\" : \"model-00001-of-00005.safetensors\"", "\"t0\" : \"" + shard + "\"");
        assertThatThrownBy(() -> Safetensors.open(folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("shard of t0 must be a file beside the index");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "{",
                "{}",
                "{\"weight_map\":[]}",
                "{\"weight_map\":{\"a\":1}}",
                "{\"weight_map\":{\"a\":\"x.safetensors\",\"a\":\"x.safetensors\"}}",
                "{\"weight_map\":{\"a\":\"x.safetensors\"}} 1",
                "{\"metadata\":[[[[[[[[[[[[]]]]]]]]]]]],\"weight_map\":{\"a\":\"x.safetensors\"}}"
            })
    void an_index_that_is_none_is_refused(String json) throws IOException {
        Files.writeString(index(), json);
        assertThatThrownBy(() -> Safetensors.open(folder)).isInstanceOf(CheckpointException.class);
    }
}
