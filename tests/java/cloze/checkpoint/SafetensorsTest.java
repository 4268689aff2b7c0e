package cloze.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsTest {
    @TempDir
    Path folder;

    static MemorySegment random(long seed, long bytes) {
        byte[] data = new byte[Math.toIntExact(bytes)];
        new SplittableRandom(seed).nextBytes(data);
        return MemorySegment.ofArray(data);
    }

    /** A file of a given header and so many zero bytes. */
    static Path handmade(Path file, String header, int dataBytes) throws IOException {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
        return Files.write(file, bytes.putLong(json.length).put(json).array());
    }

    @ParameterizedTest
    @EnumSource
    void every_type_comes_back_bit_for_bit(StoredType type) throws IOException {
        Path file = folder.resolve("one.safetensors");
        MemorySegment data = random(type.bytes(), 3L * 5 * 7 * type.bytes());
        new SafetensorsWriter().add("x", type, new Shape(3, 5, 7), data).write(file);
        try (var read = Safetensors.open(file)) {
            assertThat(read.tensor("x").type()).isEqualTo(type);
            assertThat(read.tensor("x").shape()).isEqualTo(new Shape(3, 5, 7));
            assertThat(read.segment("x").isReadOnly()).isTrue();
            assertThat(read.segment("x").mismatch(data)).isEqualTo(-1);
            MemorySegment copy = MemorySegment.ofArray(new byte[Math.toIntExact(data.byteSize())]);
            read.copyBytesTo("x", type, copy);
            assertThat(copy.mismatch(data)).isEqualTo(-1);
        }
    }

    @Test
    void mixed_types_scalars_and_empty_tensors_live_in_one_file() throws IOException {
        Path file = folder.resolve("mixed.safetensors");
        var writer =
                new SafetensorsWriter().metadata("format", "pt").metadata("text", "a\"b\\c\n\u00e4\u4e16\ud83d\ude00");
        Map<String, StoredType> types = Map.of(
                "bytes", StoredType.U8, "longs", StoredType.I64, "halves", StoredType.F16, "floats", StoredType.F32);
        types.forEach((name, type) -> writer.add(name, type, new Shape(13), random(1, 13L * type.bytes())));
        writer.add("scalar", StoredType.F32, new Shape(), random(2, 4));
        writer.add("empty", StoredType.F32, new Shape(4, 0), random(3, 0));
        writer.write(file);
        try (var read = Safetensors.open(file)) {
            assertThat(read.tensors()).hasSize(6);
            assertThat(read.metadata())
                    .containsOnly(Map.entry("format", "pt"), Map.entry("text", "a\"b\\c\n\u00e4\u4e16\ud83d\ude00"));
            assertThat(read.tensor("scalar").size()).isEqualTo(1);
            assertThat(read.tensor("empty").size()).isZero();
            for (StoredTensor tensor : read.tensors().values()) {
                long start = read.segment(tensor.name()).address();
                assertThat(start % tensor.type().bytes()).as(tensor.name()).isZero();
            }
            types.forEach((name, type) -> assertThat(bytes(read, name).mismatch(random(1, 13L * type.bytes())))
                    .isEqualTo(-1));
        }
    }

    private static MemorySegment bytes(Safetensors file, String name) {
        try {
            return file.segment(name);
        } catch (CheckpointException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void the_data_begins_at_a_cache_line() throws IOException {
        Path file = folder.resolve("aligned.safetensors");
        new SafetensorsWriter()
                .add("x", StoredType.F32, new Shape(1), random(1, 4))
                .write(file);
        long header = ByteBuffer.wrap(Files.readAllBytes(file))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong(0);
        assertThat((8 + header) % 64).isZero();
    }

    @Test
    void native_and_heap_segments_larger_than_a_chunk_are_written_whole() throws IOException {
        Path file = folder.resolve("large.safetensors");
        MemorySegment heap = random(5, 3_000_001);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment outside = arena.allocate(heap.byteSize()).copyFrom(heap);
            new SafetensorsWriter()
                    .add("heap", StoredType.U8, new Shape(3_000_001), heap)
                    .add("native", StoredType.U8, new Shape(3_000_001), outside)
                    .write(file);
        }
        try (var read = Safetensors.open(file)) {
            assertThat(read.segment("heap").mismatch(heap)).isEqualTo(-1);
            assertThat(read.segment("native").mismatch(heap)).isEqualTo(-1);
        }
    }

    @Test
    void a_file_beyond_two_gigabytes_is_mapped_whole() throws IOException {
        String header = "{\"x\":{\"dtype\":\"U8\",\"shape\":[3,1073741824],\"data_offsets\":[0,3221225472]}}";
        Path file = handmade(folder.resolve("sparse.safetensors"), header, 0);
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {7}), 8 + header.length() + 3221225471L);
        }
        try (var read = Safetensors.open(file)) {
            assertThat(read.segment("x").get(ValueLayout.JAVA_BYTE, 3221225471L))
                    .isEqualTo((byte) 7);
        }
    }

    @Test
    void a_failed_write_leaves_the_old_file_and_nothing_else() throws IOException {
        Path file = folder.resolve("model.safetensors");
        new SafetensorsWriter()
                .add("x", StoredType.F32, new Shape(2), random(1, 8))
                .write(file);
        byte[] before = Files.readAllBytes(file);
        var broken = new SafetensorsWriter().add("x", StoredType.F32, new Shape(2), memory -> {
            throw new IOException("no data");
        });
        assertThatThrownBy(() -> broken.write(file)).hasMessage("no data");
        assertThat(file).hasBinaryContent(before);
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void foreign_data_at_an_odd_address_converts() throws IOException {
        String header = "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
        Path file = handmade(folder.resolve("odd.safetensors"), header + " ".repeat(header.length() % 2), 8);
        try (var read = Safetensors.open(file)) {
            float[] floats = {1, 1};
            read.copyTo("x", MemorySegment.ofArray(floats));
            assertThat(floats).containsExactly(0, 0);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}|data_offsets of x must be the 12 bytes of F32 [3], but is [0, 8], 8 bytes",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}|data_offsets of x must be [begin, end] with begin <= end <= 8, the bytes after the header, but is [4, 12]",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}|end of the last tensor must be the file's end, 8, but is 4: bytes after it belong to no tensor",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}|begin of x must be 0, where the tensor before it ends, but is 4",
                "{\"x\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}|dtype of x must be one of [F64, F32, F16, BF16, F8_E5M2, F8_E4M3, I64, U64, I32, U32, I16, U16, I8, U8, BOOL], but is F31",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}|shape of x must be an array of at most 16 whole numbers from 0 to 2^63 - 1, but is -2",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}|shape of x must be an array of at most 16 whole numbers from 0 to 2^63 - 1, but is one with 2.0",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[9999999999],\"data_offsets\":[0,8]}}|shape of x must be extents below 2^31, their product below 2^63, but is [9999999999]",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,4],\"data_offsets\":[0,8]}}|shape of x must be extents below 2^31, their product below 2^63, but is [2147483647, 2147483647, 4]",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2]}}|x must be an object of dtype, shape and data_offsets, but is one without data_offsets",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":1}}|x must be an object of dtype, shape and data_offsets, but is one with more",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"shape\":[2]}}|x must be an object of dtype, shape and data_offsets, but is one with a field given twice",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}|x must be given once, but is given twice",
                "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}|begin of y must be 4, where the tensor before it ends, but is 0",
                "{\"__metadata__\":{\"a\":1},\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}|__metadata__ a must be text, but is 1",
                "[]|header must be an object, but is [",
                "{} {}|text after the header's object must be blank, but is {",
            })
    void a_file_that_lies_is_refused_with_the_reason(String header, String reason) throws IOException {
        Path file = handmade(folder.resolve("liar.safetensors"), header, 8);
        assertThatThrownBy(() -> Safetensors.open(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessage(file + ": " + reason);
    }

    @Test
    void a_header_longer_than_the_file_is_refused() throws IOException {
        Path file = Files.write(folder.resolve("x"), new byte[] {-1, -1, -1, -1, -1, -1, -1, -1, '{', '}'});
        assertThatThrownBy(() -> Safetensors.open(file))
                .hasMessage(file + ": header length (bytes 0 to 7) must be 2 to 2, but is 18446744073709551615");
    }

    @Test
    void text_of_a_hostile_file_does_not_reach_the_terminal_raw() throws IOException {
        Path file = handmade(folder.resolve("x"), "{\"\\u001b[2J\\u0007\":1}", 0);
        assertThatThrownBy(() -> Safetensors.open(file)).hasMessageContaining("\\u001b[2J\\u0007 must be");
    }

    @Test
    void the_wrong_name_type_or_size_is_an_error_and_no_read() throws IOException {
        Path file = folder.resolve("m.safetensors");
        new SafetensorsWriter()
                .add("ids", StoredType.I32, new Shape(2), random(1, 8))
                .write(file);
        try (var read = Safetensors.open(file)) {
            MemorySegment floats = MemorySegment.ofArray(new float[3]);
            assertThatThrownBy(() -> read.copyTo("idz", floats))
                    .hasMessage(file + ": tensor idz must be in the file, but is not among ids");
            assertThatThrownBy(() -> read.copyTo("ids", floats))
                    .hasMessage(file + ": dtype of ids must be F32, F16, BF16 or F64, but is I32");
            assertThatThrownBy(() -> read.copyBytesTo("ids", StoredType.I32, floats))
                    .hasMessage(file + ": ids must be 3 elements of I32, but is ids [2] I32");
        }
    }

    @Test
    void a_folder_a_pipe_and_a_missing_file_are_refused() {
        assertThatThrownBy(() -> Safetensors.open(folder)).hasMessageContaining("one with model.safetensors or");
        assertThatThrownBy(() -> Safetensors.open(folder.resolve("none"))).hasMessageContaining("but is missing");
    }

    @Test
    void segments_die_with_the_file() throws IOException {
        Path file = folder.resolve("m.safetensors");
        new SafetensorsWriter()
                .add("x", StoredType.U8, new Shape(2), random(1, 2))
                .write(file);
        MemorySegment segment;
        try (var read = Safetensors.open(file)) {
            segment = read.segment("x");
        }
        assertThatThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    }
}
