package cloze.train.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reads the files back with a parser that shares nothing with the writer. */
class EventFileTest {
    @TempDir
    Path folder;

    /** CRC-32C, bit by bit. */
    private static int crc32c(byte[] data) {
        int crc = -1;
        for (byte b : data) {
            crc ^= b & 0xff;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 1) == 0 ? crc >>> 1 : crc >>> 1 ^ 0x82f63b78;
            }
        }
        return ~crc;
    }

    private static int masked(byte[] data) {
        int crc = crc32c(data);
        return (crc >>> 15 | crc << 17) + 0xa282ead8;
    }

    private static ByteBuffer buffer(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static List<byte[]> records(Path file) throws IOException {
        var records = new ArrayList<byte[]>();
        ByteBuffer in = buffer(Files.readAllBytes(file));
        while (in.hasRemaining()) {
            byte[] length = new byte[8];
            in.get(length);
            assertThat(in.getInt()).isEqualTo(masked(length));
            byte[] data = new byte[Math.toIntExact(buffer(length).getLong())];
            in.get(data);
            assertThat(in.getInt()).isEqualTo(masked(data));
            records.add(data);
        }
        return records;
    }

    private static long varint(ByteBuffer in) {
        long value = 0;
        for (int shift = 0; ; shift += 7) {
            byte b = in.get();
            value |= (b & 0x7fL) << shift;
            if (b >= 0) {
                return value;
            }
        }
    }

    /** Every field's values: numbers as Long, Double or Float, the rest as bytes. */
    private static Map<Integer, List<Object>> message(byte[] bytes) {
        var fields = new LinkedHashMap<Integer, List<Object>>();
        ByteBuffer in = buffer(bytes);
        while (in.hasRemaining()) {
            int key = (int) varint(in);
            Object value = switch (key & 7) {
                case 0 -> varint(in);
                case 1 -> in.getDouble();
                case 2 -> {
                    byte[] content = new byte[(int) varint(in)];
                    in.get(content);
                    yield content;
                }
                case 5 -> in.getFloat();
                default -> throw new AssertionError("wire type " + (key & 7));
            };
            fields.computeIfAbsent(key >>> 3, _ -> new ArrayList<>()).add(value);
        }
        return fields;
    }

    private static Object one(Map<Integer, List<Object>> message, int field) {
        List<Object> values = message.getOrDefault(field, List.of());
        assertThat(values).as("field " + field).hasSize(1);
        return values.getFirst();
    }

    private static Map<Integer, List<Object>> sub(Map<Integer, List<Object>> message, int field) {
        return message((byte[]) one(message, field));
    }

    private static String text(Object bytes) {
        return new String((byte[]) bytes, StandardCharsets.UTF_8);
    }

    private static Map<String, Float> scalars(Map<Integer, List<Object>> event) {
        var scalars = new LinkedHashMap<String, Float>();
        for (Object value : sub(event, 5).getOrDefault(1, List.of())) {
            var fields = message((byte[]) value);
            scalars.put(text(one(fields, 1)), (Float) one(fields, 2));
        }
        return scalars;
    }

    private List<Path> files() throws IOException {
        try (var files = Files.list(folder)) {
            return files.sorted().toList();
        }
    }

    @Test
    void crc_of_the_known_vectors() {
        // RFC 3720, B.4, and CRC's own check value
        byte[] ascending = new byte[32];
        for (int i = 0; i < 32; i++) {
            ascending[i] = (byte) i;
        }
        assertThat(crc32c(ascending)).isEqualTo(0x46dd794e);
        assertThat(crc32c("123456789".getBytes(StandardCharsets.US_ASCII))).isEqualTo(0xe3069283);
        for (byte[] data : List.of(ascending, new byte[32], new byte[0], new byte[] {-1, 0, 7})) {
            assertThat(EventFile.maskedCrc(data)).isEqualTo(masked(data));
        }
        // the frame of a record of 24 bytes, as TensorFlow writes it
        assertThat(EventFile.maskedCrc(new byte[] {24, 0, 0, 0, 0, 0, 0, 0})).isEqualTo(0x224b7fa3);
    }

    @Test
    void reads_back_what_happened() throws IOException {
        try (var events = EventFile.open(folder, 0)) {
            events.on(new TrainingEvent.Started(0, 300, "ids"));
            events.on(new TrainingEvent.Step(1, 2.5, 1e-3, 0.75, 1000, 0.5, false));
            events.on(new TrainingEvent.Evaluated(300, Map.of("loss", 1.25), 0.6, true));
            events.on(new TrainingEvent.Sampled(300, "To be \u00fc"));
        }
        List<byte[]> records = records(files().getFirst());
        assertThat(files().getFirst().getFileName().toString()).contains("tfevents");
        assertThat(records).hasSize(4);
        var version = message(records.get(0));
        assertThat(text(one(version, 3))).isEqualTo("brain.Event:2");
        assertThat((Double) one(version, 1)).isBetween(1.7e9, 1e11);
        var step = message(records.get(1));
        assertThat(one(step, 2)).isEqualTo(1L);
        assertThat(scalars(step))
                .containsExactlyInAnyOrderEntriesOf(Map.of(
                        "train/loss", 2.5f,
                        "train/learning_rate", 1e-3f,
                        "train/gradient_norm", 0.75f,
                        "train/units_per_second", 1000f));
        var evaluated = message(records.get(2));
        assertThat(one(evaluated, 2)).isEqualTo(300L);
        assertThat(scalars(evaluated)).containsExactly(Map.entry("evaluation/loss", 1.25f));
        var sample = sub(sub(message(records.get(3)), 5), 1);
        assertThat(text(one(sample, 1))).isEqualTo("sample");
        assertThat(text(one(sub(sub(sample, 9), 1), 1))).isEqualTo("text");
        assertThat(one(sub(sample, 8), 1)).isEqualTo(7L);
        assertThat(text(one(sub(sample, 8), 8))).isEqualTo("To be \u00fc");
    }

    @Test
    void a_resumed_run_has_a_file_of_its_own_that_starts_after_the_step() throws IOException {
        EventFile.open(folder, 0).close();
        EventFile.open(folder, 40).close();
        assertThat(files()).hasSize(2);
        var start = message(records(files().getLast()).getLast());
        assertThat(one(start, 2)).isEqualTo(41L);
        assertThat(one(sub(start, 7), 1)).isEqualTo(1L);
    }
}
