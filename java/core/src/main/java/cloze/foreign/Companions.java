package cloze.foreign;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.image.Normalization;
import cloze.text.token.Tokenizer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a model besides its weights.
 *
 * @param tokenizer of a language model
 * @param normalization of images
 * @param classes names of classes, empty if there are none
 * @param ends {@code bos_token_id} and {@code eos_token_id}, for a {@code config.json}; empty of images
 */
public record Companions(
        @Nullable Tokenizer tokenizer,
        @Nullable Normalization normalization,
        List<String> classes,
        Map<String, Object> ends) {
    private static final String START = "bos_token_id";
    private static final String END = "eos_token_id";

    public Companions {
        classes = List.copyOf(classes);
        // in an order, so that an export has the same bytes each time
        ends = Collections.unmodifiableMap(new TreeMap<>(ends));
    }

    public static Companions of(Tokenizer tokenizer) {
        // absent, they would mean ids of the released model
        Object end = tokenizer.endOfText().isPresent() ? tokenizer.endOfText().getAsInt() : ConfigJson.NONE;
        return new Companions(tokenizer, null, List.of(), Map.of(START, end, END, end));
    }

    /** Those of a folder whose {@code config.json} may name the ends of texts by id. */
    public static Companions of(Tokenizer tokenizer, ConfigJson json) throws CheckpointException {
        var ends = new LinkedHashMap<>(of(tokenizer).ends());
        for (String key : List.of(START, END)) {
            if (json.has(key)) {
                ends.put(key, id(json, key));
            }
        }
        return new Companions(tokenizer, null, List.of(), ends);
    }

    /** An id, or several of which each ends a text. */
    private static Object id(ConfigJson json, String key) throws CheckpointException {
        return json.isList(key)
                ? json.numbers(key).stream().map(Double::intValue).toList()
                : json.whole(key);
    }

    /**
     * The normalisation, which must be there.
     *
     * @param folder of the model
     * @throws CheckpointException if there is none
     */
    public Normalization normalization(Path folder) throws CheckpointException {
        if (normalization == null) {
            throw new CheckpointException(
                    folder.resolve("config.json"), "normalization of the images", "given", "missing");
        }
        return normalization;
    }

    public static Companions of(@Nullable Normalization normalization, List<String> classes) {
        return new Companions(null, normalization, classes, Map.of());
    }
}
