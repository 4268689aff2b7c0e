package cloze.recipe;

import cloze.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** {@code config.json} of a run: what its model is, and under one more key the options that it was started with. */
final class RunConfig {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    private RunConfig() {}

    /** Writes all into a file. */
    static void write(Path file, Map<String, Object> model, String key, Object options) throws IOException {
        Map<String, Object> all = new LinkedHashMap<>(model);
        all.put(key, options);
        Files.write(file, JSON.writeValueAsBytes(all));
    }

    /**
     * The options of a run.
     *
     * @param defaults what runs of earlier versions lack, part by part, such as {@code {"watch": {"probe": false}}}
     * @throws CheckpointException naming the file and what is wrong with it
     */
    static <T> T options(Path file, String key, Class<T> type, Map<String, Map<String, Object>> defaults)
            throws IOException {
        try {
            var options = JSON.readTree(Files.readAllBytes(file)).required(key);
            defaults.forEach((part, values) -> {
                if (options.path(part) instanceof ObjectNode node) {
                    values.forEach((name, value) -> {
                        if (!node.has(name)) {
                            node.set(name, JSON.valueToTree(value));
                        }
                    });
                }
            });
            return JSON.treeToValue(options, type);
        } catch (JacksonException e) {
            throw new CheckpointException(file, "no config of a run: " + e.getOriginalMessage());
        }
    }
}
