package cloze.setting;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A record of settings as a list of fields that can be read, changed, checked, written as JSON and read from it. Components
 * are numbers, booleans, texts, enums, lists of numbers or texts, and records of them. Thread-safe.
 */
public final class Schema {
    private static final ClassValue<List<Field>> FIELDS = new ClassValue<>() {
        @Override
        protected List<Field> computeValue(Class<?> type) {
            List<Field> fields = new ArrayList<>();
            for (RecordComponent component : type.getRecordComponents()) {
                Setting setting = component.getAnnotation(Setting.class);
                if (setting != null) {
                    fields.add(new Field(component.getName(), component.getType(), setting));
                } else if (component.getType().isRecord()) {
                    for (Field inner : FIELDS.get(component.getType())) {
                        fields.add(new Field(component.getName() + "." + inner.path(), inner.type(), inner.setting()));
                    }
                }
            }
            return List.copyOf(fields);
        }
    };

    private Schema() {}

    /** The settings of a record and of the records in it, in their order. */
    public static List<Field> fields(Class<? extends Record> type) {
        return FIELDS.get(type);
    }

    /**
     * Checks all components of a record, for its compact constructor.
     *
     * @param values of all components, in their order
     * @throws IllegalArgumentException that names the record, the component, its bounds and its value
     */
    public static void check(Class<? extends Record> type, @Nullable Object... values) {
        RecordComponent[] components = type.getRecordComponents();
        if (components.length != values.length) {
            throw new IllegalStateException(String.format(
                    Locale.ROOT, "%s has %d components, but %d are checked", type, components.length, values.length));
        }
        for (int i = 0; i < values.length; i++) {
            Setting setting = components[i].getAnnotation(Setting.class);
            if (setting != null) {
                String name = components[i].getName();
                Object value = Objects.requireNonNull(values[i], name);
                new Field(name, components[i].getType(), setting)
                        .check(String.format(Locale.ROOT, "%s: %s", type.getSimpleName(), name), value);
            }
        }
    }

    /**
     * The value of a setting.
     *
     * @param path as {@link Field#path}
     */
    public static @Nullable Object get(Record record, String path) {
        int dot = path.indexOf('.');
        Object value = read(record, component(record.getClass(), dot < 0 ? path : path.substring(0, dot)));
        return dot < 0 || value == null ? value : get((Record) value, path.substring(dot + 1));
    }

    /** The same record with one component changed, which may lie in a record inside it. */
    public static <R extends Record> R with(R record, String path, @Nullable Object value) {
        var change = new HashMap<String, @Nullable Object>();
        change.put(path, value);
        return with(record, change);
    }

    /**
     * The same record with some components changed. The other settings of a changed one's group become 0.
     *
     * @param changes by path
     * @throws IllegalArgumentException if two of one group are changed, or a value is out of its bounds
     */
    public static <R extends Record> R with(R record, Map<String, ? extends @Nullable Object> changes) {
        var all = new HashMap<String, @Nullable Object>(changes);
        List<Field> fields = fields(record.getClass());
        for (Field changed : fields) {
            if (changed.setting().group().isEmpty() || !changes.containsKey(changed.path())) {
                continue;
            }
            for (Field other : fields) {
                if (!other.equals(changed)
                        && other.setting().group().equals(changed.setting().group())) {
                    if (changes.containsKey(other.path())) {
                        throw new IllegalArgumentException(String.format(
                                Locale.ROOT, "--%s and --%s exclude each other", changed.flag(), other.flag()));
                    }
                    all.put(other.path(), converted(0, other.type()));
                }
            }
        }
        return changed(record, "", all);
    }

    private static <R extends Record> R changed(R record, String prefix, Map<String, @Nullable Object> changes) {
        RecordComponent[] components = record.getClass().getRecordComponents();
        var values = new @Nullable Object[components.length];
        for (int i = 0; i < components.length; i++) {
            String path = prefix + components[i].getName();
            values[i] = read(record, components[i]);
            if (changes.containsKey(path)) {
                values[i] = converted(changes.get(path), components[i].getType());
            } else if (values[i] instanceof Record inner
                    && changes.keySet().stream().anyMatch(key -> key.startsWith(path + "."))) {
                values[i] = changed(inner, path + ".", changes);
            }
        }
        @SuppressWarnings("unchecked") // the class of a record of R
        var type = (Class<R>) record.getClass();
        return made(type, values);
    }

    /** Numbers in the type of a component. */
    private static @Nullable Object converted(@Nullable Object value, Class<?> type) {
        if (value instanceof Number number) {
            if (type == int.class) {
                return Math.toIntExact(number.longValue());
            }
            if (type == long.class) {
                return number.longValue();
            }
            if (type == float.class) {
                return number.floatValue();
            }
            if (type == double.class) {
                return number.doubleValue();
            }
        }
        return value;
    }

    private static RecordComponent component(Class<?> type, String name) {
        return Arrays.stream(type.getRecordComponents())
                .filter(component -> component.getName().equals(name))
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException(String.format(Locale.ROOT, "%s has no component %s", type, name)));
    }

    private static @Nullable Object read(Record record, RecordComponent component) {
        try {
            return component.getAccessor().invoke(record);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(String.format(Locale.ROOT, "%s can not be read", component), e);
        }
    }

    private static <R extends Record> R made(Class<R> type, @Nullable Object[] values) {
        Class<?>[] types = Arrays.stream(type.getRecordComponents())
                .map(RecordComponent::getType)
                .toArray(Class<?>[]::new);
        try {
            return type.getDeclaredConstructor(types).newInstance(values);
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(String.format(Locale.ROOT, "%s can not be made", type), e);
        }
    }

    /** A record for a JSON file: maps, lists, numbers, booleans, texts; enums in lower case. */
    public static Map<String, Object> json(Record record) {
        var json = new LinkedHashMap<String, Object>();
        for (RecordComponent component : record.getClass().getRecordComponents()) {
            Object value = read(record, component);
            if (value != null) {
                json.put(component.getName(), plain(value));
            }
        }
        return json;
    }

    private static Object plain(Object value) {
        return switch (value) {
            case Record inner -> json(inner);
            case Enum<?> constant -> Field.text(constant);
            case List<?> list -> list.stream().map(Schema::plain).toList();
            default -> value;
        };
    }

    /**
     * Reads a record from JSON.
     *
     * @param defaults values of absent keys; null if every key must be there that is not nullable
     * @throws CheckpointException naming the file, the key, what it must be and what it is; an unknown key names the nearest
     */
    public static <R extends Record> R read(ConfigJson json, Class<R> type, @Nullable R defaults)
            throws CheckpointException {
        RecordComponent[] components = type.getRecordComponents();
        List<String> known =
                Arrays.stream(components).map(RecordComponent::getName).toList();
        for (String key : json.keys()) {
            if (!known.contains(key)) {
                String nearest = Nearest.to(key, known);
                throw new CheckpointException(
                        json.file(),
                        json.place(key),
                        nearest == null ? "one of " + String.join(", ", known) : "spelled " + nearest,
                        "unknown");
            }
        }
        var values = new @Nullable Object[components.length];
        for (int i = 0; i < components.length; i++) {
            Object usual = defaults == null ? null : read(defaults, components[i]);
            values[i] = value(json, components[i], usual);
        }
        try {
            return made(type, values);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(json.file(), "" + e.getMessage());
        }
    }

    private static @Nullable Object value(ConfigJson json, RecordComponent component, @Nullable Object usual)
            throws CheckpointException {
        String key = component.getName();
        Class<?> type = component.getType();
        if (!json.has(key)) {
            boolean nullable = component.getAnnotatedType().isAnnotationPresent(Nullable.class);
            if (usual != null || nullable) {
                return usual;
            }
            throw new CheckpointException(json.file(), json.place(key), "given", "missing");
        }
        if (type == int.class) {
            return json.whole(key);
        }
        if (type == long.class) {
            return json.wholeLong(key);
        }
        if (type == double.class) {
            return json.number(key, 0);
        }
        if (type == float.class) {
            return (float) json.number(key, 0);
        }
        if (type == boolean.class) {
            return json.flag(key, false);
        }
        if (type == String.class) {
            return json.text(key, "");
        }
        if (type.isEnum()) {
            return constant(json, key, type);
        }
        if (type.isRecord()) {
            return record(json.object(key), type, usual);
        }
        boolean numbers = component.getGenericType() instanceof ParameterizedType list
                && list.getActualTypeArguments()[0] == Double.class;
        return numbers ? json.numbers(key) : json.texts(key);
    }

    private static Object record(ConfigJson json, Class<?> type, @Nullable Object usual) throws CheckpointException {
        @SuppressWarnings("unchecked") // the caller has checked that it is one
        var of = (Class<Record>) type;
        return read(json, of, (Record) usual);
    }

    private static Object constant(ConfigJson json, String key, Class<?> type) throws CheckpointException {
        String text = json.text(key, "");
        List<String> known = new ArrayList<>();
        for (Object constant : type.getEnumConstants()) {
            if (Field.text(constant).equals(text.toLowerCase(Locale.ROOT))) {
                return constant;
            }
            known.add(Field.text(constant));
        }
        throw new CheckpointException(json.file(), json.place(key), String.join(" or ", known), text);
    }
}
