package cloze.checkpoint;

import cloze.io.DurableFiles;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Writes shards and their index with Hugging Face's file names. */
final class ShardWriter {
    private static final ObjectMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private ShardWriter() {}

    static void write(SafetensorsWriter tensors, Path folder, long shardBytes) throws IOException {
        // deleted first, so that no index ever refers to shards of two models
        Files.deleteIfExists(folder.resolve(Safetensors.MODEL));
        removeShards(folder);
        List<List<SafetensorsWriter.Entry>> shards = pack(tensors.entries(), shardBytes);
        SequencedMap<String, String> shardOf = new LinkedHashMap<>();
        for (int i = 0; i < shards.size(); i++) {
            String name = String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
            List<SafetensorsWriter.Entry> shard = shards.get(i);
            Path file = folder.resolve(name);
            DurableFiles.replace(file, channel -> tensors.write(file, shard, channel));
            shard.forEach(entry -> shardOf.put(entry.name(), name));
        }
        var index = Map.of("metadata", Map.of("total_size", tensors.bytes()), "weight_map", shardOf);
        DurableFiles.replace(folder.resolve(Safetensors.INDEX), JSON.writeValueAsBytes(index));
    }

    /** Deletes the index, then the shards. */
    static void removeShards(Path folder) throws IOException {
        Files.deleteIfExists(folder.resolve(Safetensors.INDEX));
        DurableFiles.syncFolder(folder.resolve(Safetensors.INDEX));
        try (DirectoryStream<Path> shards = Files.newDirectoryStream(folder, "model-*-of-*.safetensors")) {
            for (Path shard : shards) {
                Files.delete(shard);
            }
        }
    }

    /** Assigns tensors to shards in order; a tensor that does not fit starts a new shard and is never split. */
    private static List<List<SafetensorsWriter.Entry>> pack(
            Iterable<SafetensorsWriter.Entry> entries, long shardBytes) {
        List<List<SafetensorsWriter.Entry>> shards = new ArrayList<>();
        long room = -1;
        for (SafetensorsWriter.Entry entry : entries) {
            if (entry.bytes() > room) {
                shards.add(new ArrayList<>());
                room = shardBytes;
            }
            shards.getLast().add(entry);
            room -= entry.bytes();
        }
        return shards;
    }
}
