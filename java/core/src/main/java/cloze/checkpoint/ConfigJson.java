package cloze.checkpoint;

import cloze.io.DurableFiles;
import cloze.io.FileKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
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

/** A {@code config.json}, read key by key; error messages name the key. */
public final class ConfigJson {
    static final String NAME = "config.json";
    public static final JsonNode NONE = NullNode.getInstance();
    private static final long LONGEST = 1 << 20;
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    private final Path file;
    private final String prefix;
    private final JsonNode root;

    private ConfigJson(Path file, String prefix, JsonNode root) {
        this.file = file;
        this.prefix = prefix;
        this.root = root;
    }

    public Path file() {
        return file;
    }

    /** Reads a file, or {@code config.json} of a folder. */
    public static ConfigJson read(Path path) throws IOException {
        Path file = Files.isDirectory(path) ? path.resolve(NAME) : path;
        if (!Files.isRegularFile(file) || Files.size(file) > LONGEST) {
            String actual = FileKind.of(file).orElse("a longer one");
            throw new CheckpointException(file, "configuration", "a file of at most 1 MiB", actual);
        }
        try {
            JsonNode root = JSON.readTree(Files.readAllBytes(file));
            if (!root.isObject()) {
                String kind = root.isMissingNode()
                        ? "an empty file"
                        : root.getNodeType().name();
                throw new CheckpointException(file, "configuration", "a JSON object", kind);
            }
            return new ConfigJson(file, "", root);
        } catch (JacksonException e) {
            String actual =
                    FileKind.of(file).filter(kind -> !kind.contains("JSON")).orElse(e.getOriginalMessage());
            throw new CheckpointException(file, "configuration", "JSON", actual);
        }
    }

    static byte[] bytes(Map<String, Object> json) {
        return JSON.writeValueAsBytes(json);
    }

    /** Writes or replaces a file, or {@code config.json} of a folder. */
    public static void write(Path path, Map<String, Object> json) throws IOException {
        DurableFiles.replace(Files.isDirectory(path) ? path.resolve(NAME) : path, bytes(json));
    }

    /** The object under a key; an empty one if it is absent. */
    public ConfigJson object(String key) throws CheckpointException {
        JsonNode value = root.path(key);
        if (missing(value)) {
            return new ConfigJson(file, place(key) + ".", JSON.createObjectNode());
        }
        if (!value.isObject()) {
            throw new CheckpointException(file, place(key), "an object", value.toString());
        }
        return new ConfigJson(file, place(key) + ".", value);
    }

    /** A key with those of the objects around it, such as {@code settings.batch.size}. */
    public String place(String key) {
        return prefix + key;
    }

    /** All keys of this object. */
    public Collection<String> keys() {
        return root.propertyNames();
    }

    public boolean has(String key) {
        return !missing(root.path(key));
    }

    public boolean isList(String key) {
        return root.path(key).isArray();
    }

    private void require(String key) throws CheckpointException {
        if (!has(key)) {
            throw new CheckpointException(file, place(key), "given", "missing");
        }
    }

    /** A required integer. */
    public int whole(String key) throws CheckpointException {
        require(key);
        return whole(key, 0);
    }

    public String text(String key, String absent) throws CheckpointException {
        JsonNode value = root.path(key);
        if (missing(value)) {
            return absent;
        }
        if (!value.isString()) {
            throw new CheckpointException(file, place(key), "a text", value.toString());
        }
        return value.stringValue();
    }

    public boolean flag(String key, boolean absent) throws CheckpointException {
        JsonNode value = root.path(key);
        if (missing(value)) {
            return absent;
        }
        if (!value.isBoolean()) {
            throw new CheckpointException(file, place(key), "true or false", value.toString());
        }
        return value.booleanValue();
    }

    public int whole(String key, int absent) throws CheckpointException {
        JsonNode value = root.path(key);
        if (missing(value)) {
            return absent;
        }
        if (!value.isIntegralNumber() || !value.canConvertToInt()) {
            throw new CheckpointException(file, place(key), "a whole number", value.toString());
        }
        return value.intValue();
    }

    /** A number that must be there. */
    public long wholeLong(String key) throws CheckpointException {
        require(key);
        JsonNode value = root.path(key);
        if (!value.isIntegralNumber() || !value.canConvertToLong()) {
            throw new CheckpointException(file, place(key), "a whole number", value.toString());
        }
        return value.longValue();
    }

    /** A whole number or a list of them, which must be there. */
    public List<Long> wholes(String key) throws CheckpointException {
        require(key);
        JsonNode value = root.path(key);
        var numbers = new ArrayList<Long>();
        for (JsonNode each : value.isArray() ? value : List.of(value)) {
            if (!each.isIntegralNumber() || !each.canConvertToLong()) {
                throw new CheckpointException(file, place(key), "a whole number or a list of them", value.toString());
            }
            numbers.add(each.longValue());
        }
        return numbers;
    }

    /** A list of texts that must be there. */
    public List<String> texts(String key) throws CheckpointException {
        require(key);
        JsonNode value = root.path(key);
        var texts = new ArrayList<String>();
        for (JsonNode each : value) {
            if (!value.isArray() || !each.isString()) {
                throw new CheckpointException(file, place(key), "a list of texts", value.toString());
            }
            texts.add(each.stringValue());
        }
        if (!value.isArray()) {
            throw new CheckpointException(file, place(key), "a list of texts", value.toString());
        }
        return texts;
    }

    public double number(String key, double absent) throws CheckpointException {
        JsonNode value = root.path(key);
        if (missing(value)) {
            return absent;
        }
        if (!isFinite(value)) {
            String kind = value.isNumber() ? "a finite number" : "a number";
            throw new CheckpointException(file, place(key), kind, value.toString());
        }
        return value.numberValue().doubleValue();
    }

    /** A required list of numbers. */
    public List<Double> numbers(String key) throws CheckpointException {
        require(key);
        JsonNode value = root.path(key);
        var numbers = new ArrayList<Double>();
        for (JsonNode each : value) {
            if (!value.isArray() || !isFinite(each)) {
                throw new CheckpointException(file, place(key), "a list of numbers", value.toString());
            }
            numbers.add(each.numberValue().doubleValue());
        }
        if (numbers.isEmpty()) {
            throw new CheckpointException(file, place(key), "a list of numbers", value.toString());
        }
        return numbers;
    }

    public void requireNumber(String key, double absent, double expected, String because) throws CheckpointException {
        double actual = number(key, absent);
        if (actual != expected) {
            throw new CheckpointException(file, place(key), expected + ", which is " + because, "" + actual);
        }
    }

    public void requireText(String key, String absent, List<String> known) throws CheckpointException {
        JsonNode value = root.path(key);
        String actual = missing(value) ? absent : value.isString() ? value.stringValue() : value.toString();
        if (!known.contains(actual)) {
            throw new CheckpointException(file, place(key), String.join(" or ", known), actual);
        }
    }

    public void requireFlag(String key, boolean absent, boolean expected) throws CheckpointException {
        JsonNode value = root.path(key);
        boolean same = missing(value) ? absent == expected : value.isBoolean() && value.booleanValue() == expected;
        if (!same) {
            throw new CheckpointException(file, place(key), "" + expected, value.toString());
        }
    }

    /** Whole numbers beyond a double have no {@code doubleValue} of their own; as a number they are infinite. */
    private static boolean isFinite(JsonNode value) {
        return value.isNumber() && Double.isFinite(value.numberValue().doubleValue());
    }

    private static boolean missing(JsonNode value) {
        return value.isMissingNode() || value.isNull();
    }
}
