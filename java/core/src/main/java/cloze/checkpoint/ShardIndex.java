package cloze.checkpoint;

import cloze.io.FileKind;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.exc.JacksonIOException;
import tools.jackson.core.json.JsonFactory;

/** Maps each tensor to a file beside the index: {@code {"metadata": {...}, "weight_map": {tensor: shard}}}. */
record ShardIndex(Map<String, String> shardOf) {
    private static final long LONGEST = 100_000_000;
    private static final String PLAIN_NAME = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\\.safetensors";
    private static final JsonFactory JSON = JsonFactory.builder()
            .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(8)
                    .maxNameLength(4096)
                    .build())
            .build();

    Set<String> shards() {
        return new TreeSet<>(shardOf.values());
    }

    static ShardIndex read(Path file) throws IOException {
        if (!Files.isRegularFile(file) || Files.size(file) > LONGEST) {
            String actual = FileKind.of(file).orElse("something else");
            throw new CheckpointException(file, "index", "a regular file of at most 100 MB", actual);
        }
        Map<String, String> shardOf = new LinkedHashMap<>();
        try (InputStream bytes = Files.newInputStream(file);
                JsonParser parser = JSON.createParser(ObjectReadContext.empty(), bytes)) {
            require(parser.nextToken() == JsonToken.START_OBJECT, file, "index", "an object");
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                boolean map = parser.currentName().equals("weight_map");
                parser.nextToken();
                if (map) {
                    readMap(file, parser, shardOf);
                } else {
                    parser.skipChildren();
                }
            }
            require(parser.nextToken() == null, file, "text after the index's object", "blank");
        } catch (JacksonIOException e) {
            throw e.getCause();
        } catch (JacksonException e) {
            throw new CheckpointException(file, "index", "JSON", e.getOriginalMessage());
        }
        require(!shardOf.isEmpty(), file, "weight_map", "an object that names tensors");
        return new ShardIndex(Collections.unmodifiableMap(shardOf));
    }

    private static void readMap(Path file, JsonParser parser, Map<String, String> shardOf) throws CheckpointException {
        require(shardOf.isEmpty(), file, "weight_map", "given once");
        require(parser.currentToken() == JsonToken.START_OBJECT, file, "weight_map", "an object");
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String tensor = parser.currentName();
            require(parser.nextToken() == JsonToken.VALUE_STRING, file, "shard of " + tensor, "text");
            String shard = parser.getString();
            // a file name, never a path: an index must not refer to other folders
            if (!shard.matches(PLAIN_NAME)) {
                throw new CheckpointException(file, "shard of " + tensor, "a file beside the index", shard);
            }
            if (shardOf.putIfAbsent(tensor, shard) != null) {
                throw new CheckpointException(file, "shard of " + tensor, "given once", "given twice");
            }
        }
    }

    private static void require(boolean ok, Path file, String place, String expected) throws CheckpointException {
        if (!ok) {
            throw new CheckpointException(file, place, expected, "not");
        }
    }
}
