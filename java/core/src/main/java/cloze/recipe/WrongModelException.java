package cloze.recipe;

import cloze.checkpoint.ConfigJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** A folder holds another kind of model than is needed; the message names both. */
public final class WrongModelException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * Names the folder, its kind and the kind that is needed.
     *
     * @param needed such as {@code a language model}
     */
    WrongModelException(Path folder, String needed) {
        this(folder, needed, "");
    }

    /** @param choices folders of the needed kind, such as {@code (a run of mae, or ...)}; empty for none */
    WrongModelException(Path folder, String needed, String choices) {
        super(String.format(Locale.ROOT, "%s is %s, but %s is needed%s", folder, describe(folder), needed, choices));
    }

    /** A folder in a few words, such as {@code a run of gpt (a GPT)}. */
    static String describe(Path folder) {
        if (!Files.isDirectory(folder)) {
            return Files.exists(folder) ? "a file" : "missing";
        }
        if (!Files.exists(folder.resolve("config.json"))) {
            return "a folder without a config.json";
        }
        try {
            ConfigJson json = ConfigJson.read(folder);
            var run = StoredRun.find(folder);
            if (run.isPresent()) {
                Recipe<?, ?> recipe = run.get().recipe();
                return String.format(Locale.ROOT, "a run of %s (%s)", recipe.name(), recipe.title());
            }
            String kind = json.has("architecture") ? json.text("architecture", "") : json.text("model_type", "");
            return kind.isEmpty() ? "a folder whose config.json names no kind of model" : "a model of kind " + kind;
        } catch (IOException e) {
            return String.format(Locale.ROOT, "a folder that can not be read (%s)", e.getMessage());
        }
    }
}
