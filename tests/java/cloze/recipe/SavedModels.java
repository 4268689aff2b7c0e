package cloze.recipe;

import cloze.backend.Backend;
import cloze.foreign.HostParameters;
import cloze.nn.Parameters;
import cloze.text.token.CharTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Folders of models that nobody trained, as runs leave them. */
public final class SavedModels {
    private static final int FIRST = 'a';

    private SavedModels() {}

    /**
     * Writes {@code config.json} and {@code model.safetensors}, and for a language model a {@code tokenizer.json} of as many
     * characters as its vocabulary has tokens.
     */
    public static <C extends Record, M> void save(
            Path folder, Recipe<C, M> recipe, Preset<C> preset, Parameters parameters, Backend backend)
            throws IOException {
        Files.createDirectories(folder);
        new StoredRun<>(recipe, preset).write(folder.resolve("config.json"));
        HostParameters.write(folder, HostParameters.own(parameters), parameters, backend);
        if (recipe instanceof LanguageRecipe<C, ?> language) {
            characters(language.vocabulary(preset.model())).save(folder.resolve("tokenizer.json"));
        }
    }

    private static CharTokenizer characters(int count) {
        var text = new StringBuilder();
        for (int i = 0; i < count; i++) {
            text.appendCodePoint(FIRST + i);
        }
        return CharTokenizer.of(text.toString());
    }
}
