package cloze.recipe;

import cloze.setting.Field;
import cloze.setting.Schema;
import cloze.train.Settings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The complete configuration of a run of a recipe, as stored in {@code config.json}.
 *
 * @param model sizes and kind of the model
 * @param data settings of the training data
 * @param settings of the training
 * @param start the weights with which it begins
 */
public record Preset<C extends Record>(C model, Record data, Settings settings, Start start) {
    private static final Set<String> PATHS = Set.of("PATH", "DIR");
    private static final Pattern WORDS =
            Pattern.compile("-|char|byte|bpe:.*|moby-dick"); // files of these names are not meant
    private static final String MODEL = "model.";
    private static final String DATA = "data.";
    private static final String SETTINGS = "settings.";
    private static final String START = "start.";

    /** With random weights. */
    public Preset(C model, Record data, Settings settings) {
        this(model, data, settings, Start.RANDOM);
    }

    public Preset<C> withModel(C changed) {
        return new Preset<>(changed, data, settings, start);
    }

    public Preset<C> withData(Record changed) {
        return new Preset<>(model, changed, settings, start);
    }

    public Preset<C> withSettings(Settings changed) {
        return new Preset<>(model, data, changed, start);
    }

    public Preset<C> withStart(Start changed) {
        return new Preset<>(model, data, settings, changed);
    }

    /** The same with the data at another place. */
    Preset<C> withDataFrom(String place) {
        var changes = new HashMap<String, Object>();
        for (Field field : fields()) {
            if (field.path().startsWith(DATA) && field.flags().contains("--data")) {
                changes.put(field.path(), absolute(place));
            }
        }
        return with(changes);
    }

    /** The same with the paths of existing files absolute, so that it can be used in another working directory. */
    Preset<C> withAbsolutePaths() {
        var changes = new HashMap<String, Object>();
        for (Field field : fields()) {
            if (PATHS.contains(field.setting().label()) && get(field.path()) instanceof String text) {
                changes.put(field.path(), absolute(text));
            }
        }
        return with(changes);
    }

    private static String absolute(String text) {
        if (text.isEmpty() || WORDS.matcher(text).matches()) {
            return text;
        }
        Path path = Path.of(text);
        return Files.exists(path) ? path.toAbsolutePath().normalize().toString() : text;
    }

    /** The same for this many steps. */
    public Preset<C> withSteps(long steps) {
        return withSettings(settings.withSteps(steps));
    }

    public Preset<C> withSeed(long seed) {
        return withSettings(settings.withSeed(seed));
    }

    /** Every setting, by paths that begin with {@code model}, {@code data}, {@code settings} or {@code start}. */
    public List<Field> fields() {
        List<Field> all = new ArrayList<>();
        add(all, START, start);
        add(all, DATA, data);
        add(all, MODEL, model);
        add(all, SETTINGS, settings);
        return all;
    }

    private static void add(List<Field> to, String prefix, Record record) {
        for (Field field : Schema.fields(record.getClass())) {
            to.add(new Field(prefix + field.path(), field.type(), field.setting()));
        }
    }

    /**
     * The value of a setting.
     *
     * @param path as in {@link #fields}
     */
    public @Nullable Object get(String path) {
        int dot = path.indexOf('.') + 1;
        Record part = switch (path.substring(0, dot)) {
            case MODEL -> model;
            case DATA -> data;
            case SETTINGS -> settings;
            case START -> start;
            default -> throw new IllegalArgumentException("no setting is named " + path);
        };
        return Schema.get(part, path.substring(dot));
    }

    /**
     * The same with some settings changed. A number of steps is set first, since other defaults depend on it.
     *
     * @param changes by path
     * @throws IllegalArgumentException if they exclude each other, or are out of their bounds
     */
    public Preset<C> with(Map<String, ?> changes) {
        Map<String, Object> of = part(changes, SETTINGS);
        Schema.with(settings, of); // checks what excludes each other
        Settings changed = settings;
        if (of.remove("length.steps") instanceof Number steps) {
            changed = settings.withSteps(steps.longValue());
        }
        return new Preset<>(
                Schema.with(model, part(changes, MODEL)),
                Schema.with(data, part(changes, DATA)),
                Schema.with(changed, of),
                Schema.with(start, part(changes, START)));
    }

    private static Map<String, Object> part(Map<String, ?> changes, String prefix) {
        var part = new HashMap<String, Object>();
        changes.forEach((path, value) -> {
            if (path.startsWith(prefix)) {
                part.put(path.substring(prefix.length()), value);
            }
        });
        return part;
    }
}
