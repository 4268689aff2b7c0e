package cloze.recipe;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.RunIdentity;
import cloze.checkpoint.Safetensors;
import cloze.foreign.Companions;
import cloze.foreign.HostParameters;
import cloze.nn.ParameterSource;
import cloze.nn.Parameters;
import cloze.setting.Nearest;
import cloze.setting.Schema;
import cloze.tensor.Scope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * The description of a run: {@code config.json} of its folder, {@code {recipe, model, data, settings, start,
 * identity}}.
 *
 * @param recipe of the run
 * @param preset as it was started
 */
public record StoredRun<C extends Record, M>(Recipe<C, M> recipe, Preset<C> preset) {
    private static final String RECIPE = "recipe";

    /** Writes {@code config.json}, durably and in one piece. */
    void write(Path file) throws IOException {
        ConfigJson.write(file, json());
    }

    /** As {@link #write(Path)}, with what the run is bound to. */
    void write(Path file, RunIdentity identity) throws IOException {
        Map<String, Object> json = json();
        identity.addTo(json);
        ConfigJson.write(file, json);
    }

    /** The whole description as JSON values. */
    Map<String, Object> json() {
        var json = new LinkedHashMap<String, Object>();
        json.put(RECIPE, recipe.name());
        json.put("model", Schema.json(preset.model()));
        json.put("data", Schema.json(preset.data()));
        json.put("settings", Schema.json(preset.settings()));
        json.put("start", Schema.json(preset.start()));
        return json;
    }

    /**
     * Reads the description of a run, of earlier formats too.
     *
     * @return empty if the folder's {@code config.json} is not that of a run
     * @throws CheckpointException if there is none, or it is broken; names the file and what is wrong with it
     */
    public static Optional<StoredRun<?, ?>> find(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        if (json.has(RECIPE)) {
            return Optional.of(parse(recipe(json), json));
        }
        return EarlierRuns.recognises(json) ? Optional.of(EarlierRuns.read(json)) : Optional.empty();
    }

    /**
     * As {@link #find}, for the folder of a run.
     *
     * @throws WrongModelException if it holds a foreign model
     */
    public static StoredRun<?, ?> read(Path folder) throws IOException {
        Optional<StoredRun<?, ?>> found = find(folder);
        if (found.isEmpty()) {
            throw new WrongModelException(folder, "a run of cloze");
        }
        return found.get();
    }

    private static Recipe<?, ?> recipe(ConfigJson json) throws CheckpointException {
        String name = json.text(RECIPE, "");
        Optional<Recipe<?, ?>> recipe = Recipes.named(name);
        if (recipe.isEmpty()) {
            List<String> known = Recipes.ALL.stream().map(Recipe::name).toList();
            String nearest = Nearest.to(name, known);
            throw new CheckpointException(
                    json.file(), RECIPE, nearest == null ? "one of " + String.join(", ", known) : nearest, name);
        }
        return recipe.get();
    }

    /** Reads what {@link #json} wrote. */
    static <C extends Record, M> StoredRun<C, M> parse(Recipe<C, M> recipe, ConfigJson json)
            throws CheckpointException {
        Preset<C> usual = recipe.preset();
        @SuppressWarnings("unchecked") // the class of a C
        var type = (Class<C>) usual.model().getClass();
        C model = Schema.read(json.object("model"), type, null);
        Record data = read(json.object("data"), usual.data());
        var settings = read(json.object("settings"), usual.settings());
        var start = read(json.object("start"), Start.RANDOM);
        return new StoredRun<>(recipe, new Preset<>(model, data, settings, start));
    }

    private static <R extends Record> R read(ConfigJson json, R usual) throws CheckpointException {
        @SuppressWarnings("unchecked") // the class of an R
        var type = (Class<R>) usual.getClass();
        return Schema.read(json, type, usual);
    }

    /** Parts of the model besides its weights, such as a tokenizer. */
    public Companions companions(Path folder) throws IOException {
        return recipe.companions(preset, folder);
    }

    /**
     * Reads the model.
     *
     * @param scope owns the parameters
     */
    Parameters.Built<M> load(Path folder, Backend backend, Scope scope) throws IOException {
        try (var file = Safetensors.open(folder)) {
            Function<ParameterSource, M> model = p -> recipe.build(preset.model(), p);
            return HostParameters.load(file, HostParameters.own(Parameters.shapes(model)), backend, scope, model);
        }
    }
}
