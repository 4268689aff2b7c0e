package cloze.checkpoint;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JsonEncoding;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonWriteFeature;

/** Writes the header of a safetensors file, padded with blanks so that the data starts at a cache line. */
final class HeaderWriter {
    private static final int ALIGNMENT = 64;
    // escapes can represent any Java string, including lone surrogates
    private static final JsonFactory JSON =
            JsonFactory.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

    private HeaderWriter() {}

    static ByteBuffer header(Path file, List<SafetensorsWriter.Entry> entries, Map<String, String> metadata)
            throws CheckpointException {
        byte[] json = json(entries, metadata);
        int end = Math.ceilDiv(Long.BYTES + json.length, ALIGNMENT) * ALIGNMENT;
        if (end - Long.BYTES > SafetensorsHeader.LONGEST) {
            String expected = "at most " + SafetensorsHeader.LONGEST + " bytes";
            throw new CheckpointException(file, "header", expected, json.length + " bytes");
        }
        ByteBuffer header = ByteBuffer.allocate(end).order(ByteOrder.LITTLE_ENDIAN);
        header.putLong(end - Long.BYTES).put(json);
        while (header.hasRemaining()) {
            header.put((byte) ' ');
        }
        return header.flip();
    }

    private static byte[] json(List<SafetensorsWriter.Entry> entries, Map<String, String> metadata) {
        var bytes = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), bytes, JsonEncoding.UTF8)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectPropertyStart("__metadata__");
                metadata.forEach(json::writeStringProperty);
                json.writeEndObject();
            }
            long begin = 0;
            for (SafetensorsWriter.Entry entry : entries) {
                long end = Math.addExact(begin, entry.bytes());
                json.writeObjectPropertyStart(entry.name());
                json.writeStringProperty("dtype", entry.type().name());
                json.writeName("shape")
                        .writeArray(entry.shape().extents(), 0, entry.shape().rank());
                json.writeName("data_offsets").writeArray(new long[] {begin, end}, 0, 2);
                json.writeEndObject();
                begin = end;
            }
            json.writeEndObject();
        }
        return bytes.toByteArray();
    }
}
