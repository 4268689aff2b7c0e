package cloze.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.NullNode;

/** A foreign {@code config.json}, read key by key; what is wrong is said with its key. */
record ConfigJson(Path file, JsonNode root) {
    static final String NAME = "config.json";
    static final JsonNode NONE = NullNode.getInstance();
    private static final long LONGEST = 1 << 20;
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    static ConfigJson read(Path path) throws IOException {
        Path file = Files.isDirectory(path) ? path.resolve(NAME) : path;
        if (!Files.isRegularFile(file) || Files.size(file) > LONGEST) {
            String actual = Files.exists(file) ? "something else" : "missing";
            throw new CheckpointException(file, "configuration", "a file of at most 1 MiB", actual);
        }
        try {
            JsonNode root = JSON.readTree(Files.readAllBytes(file));
            if (!root.isObject()) {
                throw new CheckpointException(
                        file,
                        "configuration",
                        "a JSON object",
                        root.getNodeType().name());
            }
            return new ConfigJson(file, root);
        } catch (JacksonException e) {
            throw new CheckpointException(file, "configuration", "JSON", e.getOriginalMessage());
        }
    }

    static byte[] bytes(Map<String, Object> json) {
        return JSON.writeValueAsBytes(json);
    }

    int whole(String key, int absent) throws CheckpointException {
        JsonNode value = root.path(key);
        if (missing(value)) {
            return absent;
        }
        if (!value.isIntegralNumber() || !value.canConvertToInt()) {
            throw new CheckpointException(file, key, "a whole number", value.toString());
        }
        return value.intValue();
    }

    double number(String key, double absent) throws CheckpointException {
        JsonNode value = root.path(key);
        if (missing(value)) {
            return absent;
        }
        if (!value.isNumber()) {
            throw new CheckpointException(file, key, "a number", value.toString());
        }
        return value.doubleValue();
    }

    void requireNumber(String key, double absent, double expected, String because) throws CheckpointException {
        double actual = number(key, absent);
        if (actual != expected) {
            throw new CheckpointException(file, key, expected + ", which is " + because, "" + actual);
        }
    }

    void requireText(String key, String absent, List<String> known) throws CheckpointException {
        JsonNode value = root.path(key);
        String actual = missing(value) ? absent : value.isString() ? value.stringValue() : value.toString();
        if (!known.contains(actual)) {
            throw new CheckpointException(file, key, String.join(" or ", known), actual);
        }
    }

    void requireFlag(String key, boolean absent, boolean expected) throws CheckpointException {
        JsonNode value = root.path(key);
        boolean same = missing(value) ? absent == expected : value.isBoolean() && value.booleanValue() == expected;
        if (!same) {
            throw new CheckpointException(file, key, "" + expected, value.toString());
        }
    }

    private static boolean missing(JsonNode value) {
        return value.isMissingNode() || value.isNull();
    }
}
