package cloze.checkpoint;

import cloze.tensor.Shape;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.exc.JacksonIOException;
import tools.jackson.core.json.JsonFactory;

/**
 * Parses {@code {"__metadata__": {text: text}, name: {"dtype": text, "shape": [n, ...], "data_offsets": [begin, end]},
 * ...}} and refuses anything else. Streams, so memory depends on the bytes read and not on numbers in the file.
 */
final class HeaderParser {
    private static final int DEEPEST = 4;
    static final int LONGEST_NAME = 4096;
    private static final int LONGEST_NUMBER = 20;
    private static final int MOST_AXES = 16;
    private static final String FIELDS = "an object of dtype, shape and data_offsets";

    private static final JsonFactory JSON = JsonFactory.builder()
            .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(DEEPEST)
                    .maxNameLength(LONGEST_NAME)
                    .maxNumberLength(LONGEST_NUMBER)
                    .maxStringLength(SafetensorsHeader.LONGEST)
                    .build())
            .build();

    record Parsed(SequencedMap<String, StoredTensor> tensors, Map<String, String> metadata) {}

    private final Path file;
    private final JsonParser parser;
    private final long dataLength;
    private final SequencedMap<String, StoredTensor> tensors = new LinkedHashMap<>();
    private final SequencedMap<String, String> metadata = new LinkedHashMap<>();
    private boolean metadataSeen;

    private HeaderParser(Path file, JsonParser parser, long dataLength) {
        this.file = file;
        this.parser = parser;
        this.dataLength = dataLength;
    }

    static Parsed parse(Path file, Reader json, long dataLength) throws IOException {
        try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), json)) {
            return new HeaderParser(file, parser, dataLength).header();
        } catch (JacksonIOException e) {
            if (e.getCause() instanceof CharacterCodingException) {
                throw new CheckpointException(file, "header", "JSON in UTF-8", "not UTF-8");
            }
            throw e.getCause();
        } catch (JacksonException e) {
            var location = e.getLocation(); // an exceeded limit has no location
            String place = location == null ? "header" : "header at character " + location.getCharOffset();
            throw new CheckpointException(file, place, "JSON", e.getOriginalMessage());
        }
    }

    private Parsed header() throws CheckpointException {
        require(JsonToken.START_OBJECT, "header", "an object");
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String name = parser.currentName();
            if (name.equals("__metadata__")) {
                metadata();
            } else {
                tensor(name);
            }
        }
        require(null, "text after the header's object", "blank");
        return new Parsed(Collections.unmodifiableSequencedMap(tensors), Collections.unmodifiableMap(metadata));
    }

    private void metadata() throws CheckpointException {
        if (metadataSeen) {
            throw new CheckpointException(file, "__metadata__", "given once", "given twice");
        }
        metadataSeen = true;
        require(JsonToken.START_OBJECT, "__metadata__", "an object of texts");
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String key = parser.currentName();
            require(JsonToken.VALUE_STRING, "__metadata__ " + key, "text");
            if (metadata.putIfAbsent(key, parser.getString()) != null) {
                throw new CheckpointException(file, "__metadata__ " + key, "given once", "given twice");
            }
        }
    }

    private void tensor(String name) throws CheckpointException {
        require(JsonToken.START_OBJECT, name, FIELDS);
        StoredType type = null;
        Shape shape = null;
        long[] offsets = null;
        for (int field = 0; parser.nextToken() == JsonToken.PROPERTY_NAME; field++) {
            String key = parser.currentName();
            String place = key + " of " + name;
            switch (key) {
                case "dtype" -> type = type(place);
                case "shape" -> shape = shape(place);
                case "data_offsets" -> offsets = numbers(place, 2);
                default -> throw new CheckpointException(file, name, FIELDS, "one with " + key);
            }
            if (field == 3) {
                throw new CheckpointException(file, name, FIELDS, "one with a field given twice");
            }
        }
        if (type == null || shape == null || offsets == null) {
            throw new CheckpointException(file, name, FIELDS, "one without " + missing(type, shape));
        }
        StoredTensor tensor = located(name, type, shape, offsets);
        if (tensors.putIfAbsent(name, tensor) != null) {
            throw new CheckpointException(file, name, "given once", "given twice");
        }
    }

    private static String missing(@Nullable StoredType type, @Nullable Shape shape) {
        return type == null ? "dtype" : shape == null ? "shape" : "data_offsets";
    }

    private StoredTensor located(String name, StoredType type, Shape shape, long[] offsets) throws CheckpointException {
        if (offsets.length != 2 || offsets[0] > offsets[1] || offsets[1] > dataLength) {
            String expected = "[begin, end] with begin <= end <= " + dataLength + ", the bytes after the header";
            throw new CheckpointException(file, "data_offsets of " + name, expected, Arrays.toString(offsets));
        }
        long bytes = saturatedProduct(shape.size(), type.bytes());
        if (bytes != offsets[1] - offsets[0]) {
            String expected = String.format(Locale.ROOT, "%s of %s %s", count(bytes), type, shape);
            String actual =
                    String.format(Locale.ROOT, "[%d, %d], %d bytes", offsets[0], offsets[1], offsets[1] - offsets[0]);
            throw new CheckpointException(file, "data_offsets of " + name, expected, actual);
        }
        return new StoredTensor(name, type, shape, offsets[0], offsets[1]);
    }

    /** Multiplies and saturates at 2^63: no file is that long, and an overflow could look valid. */
    private static long saturatedProduct(long a, long b) {
        return Math.multiplyHigh(a, b) != 0 || a * b < 0 ? Long.MAX_VALUE : a * b;
    }

    private static String count(long bytes) {
        return bytes == Long.MAX_VALUE ? "more than 2^63 bytes" : "the " + bytes + " bytes";
    }

    private StoredType type(String place) throws CheckpointException {
        require(JsonToken.VALUE_STRING, place, "text");
        String name = parser.getString();
        var type = StoredType.named(name);
        if (type.isEmpty()) {
            throw new CheckpointException(file, place, "one of " + List.of(StoredType.values()), name);
        }
        return type.get();
    }

    private Shape shape(String place) throws CheckpointException {
        long[] numbers = numbers(place, MOST_AXES);
        int[] extents = new int[numbers.length];
        long size = 1;
        for (int axis = 0; axis < numbers.length; axis++) {
            size = saturatedProduct(size, numbers[axis]);
            if (numbers[axis] > Integer.MAX_VALUE || size == Long.MAX_VALUE) {
                String expected = "extents below 2^31, their product below 2^63";
                throw new CheckpointException(file, place, expected, Arrays.toString(numbers));
            }
            extents[axis] = (int) numbers[axis];
        }
        return new Shape(extents);
    }

    private long[] numbers(String place, int most) throws CheckpointException {
        String expected = "an array of at most " + most + " whole numbers from 0 to 2^63 - 1";
        require(JsonToken.START_ARRAY, place, expected);
        List<Long> numbers = new ArrayList<>();
        while (parser.nextToken() == JsonToken.VALUE_NUMBER_INT && numbers.size() < most) {
            boolean fits = parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
            if (!fits || parser.getLongValue() < 0) {
                throw new CheckpointException(file, place, expected, parser.getString());
            }
            numbers.add(parser.getLongValue());
        }
        if (parser.currentToken() != JsonToken.END_ARRAY) {
            String actual = numbers.size() == most ? "a longer one" : "one with " + parser.getString();
            throw new CheckpointException(file, place, expected, actual);
        }
        return numbers.stream().mapToLong(Long::longValue).toArray();
    }

    private void require(@Nullable JsonToken token, String place, String expected) throws CheckpointException {
        JsonToken actual = parser.nextToken();
        if (actual != token) {
            throw new CheckpointException(file, place, expected, actual == null ? "missing" : parser.getString());
        }
    }
}
