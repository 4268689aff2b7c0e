package cloze.setting;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * One setting of a record, which may lie in a record inside it.
 *
 * @param path names of the components that lead to it, with dots: {@code optimization.clip}
 * @param type of the component
 */
public record Field(String path, Class<?> type, Setting setting) {
    /** The name of the component. */
    public String name() {
        return path.substring(path.lastIndexOf('.') + 1);
    }

    /** The option's name without dashes. */
    public String flag() {
        return setting.flag().isEmpty() ? kebab(name()) : setting.flag();
    }

    /** All names of the option, with dashes; of a boolean those that set it to true. */
    public List<String> flags() {
        return Stream.of(flag(), setting.alias())
                .filter(name -> !name.isEmpty())
                .map(name -> "--" + name)
                .toList();
    }

    /** The name of the option that sets a boolean to false, with dashes. */
    public String off() {
        return "--" + (setting.off().isEmpty() ? "no-" + flag() : setting.off());
    }

    /** {@code microBatches} as {@code micro-batches}. */
    static String kebab(String name) {
        return name.replaceAll("([a-z0-9])([A-Z])", "$1-$2").toLowerCase(Locale.ROOT);
    }

    /** The placeholder for the value in the help. */
    public String label() {
        if (!setting.label().isEmpty()) {
            return setting.label();
        }
        return whole() ? "N" : number() ? "X" : type.isEnum() ? "NAME" : "TEXT";
    }

    private boolean whole() {
        return type == int.class || type == long.class;
    }

    private boolean number() {
        return type == double.class || type == float.class;
    }

    /** The only values, if there are few. */
    public List<String> values() {
        return type.isEnum()
                ? Stream.of(type.getEnumConstants()).map(Field::text).toList()
                : List.of(setting.oneOf());
    }

    /** A value as users write it: enums in lower case, whole numbers without a fraction. */
    public static String text(Object value) {
        return switch (value) {
            case Enum<?> constant -> constant.name().toLowerCase(Locale.ROOT);
            case Double number
            when number == Math.rint(number) && Math.abs(number) < 1e15 -> String.valueOf(number.longValue());
            case Float number -> text(Double.parseDouble(number.toString()));
            default -> value.toString();
        };
    }

    /** The bounds in words, such as {@code above 0 and below 1}. */
    public String bounds() {
        List<String> parts = new ArrayList<>();
        if (!values().isEmpty()) {
            return values().stream().collect(Collectors.joining(", ", "one of ", ""));
        }
        if (setting.min() > Double.NEGATIVE_INFINITY && setting.max() < Double.POSITIVE_INFINITY) {
            return String.format(Locale.ROOT, "%s to %s", text(setting.min()), text(setting.max()));
        }
        if (setting.min() > Double.NEGATIVE_INFINITY) {
            boolean alone = setting.below() == Double.POSITIVE_INFINITY;
            parts.add(alone ? text(setting.min()) + " or more" : "at least " + text(setting.min()));
        }
        if (setting.above() > Double.NEGATIVE_INFINITY) {
            parts.add("above " + text(setting.above()));
        }
        if (setting.max() < Double.POSITIVE_INFINITY) {
            parts.add("at most " + text(setting.max()));
        }
        if (setting.below() < Double.POSITIVE_INFINITY) {
            parts.add("below " + text(setting.below()));
        }
        return parts.isEmpty() ? "a finite number" : String.join(" and ", parts);
    }

    /**
     * Checks a value against the bounds.
     *
     * @param name of the setting in the message
     * @throws IllegalArgumentException if it lies outside of them
     */
    public void check(String name, Object value) {
        if (!holds(value)) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "%s must be %s, but it is %s", name, bounds(), text(value)));
        }
    }

    private boolean holds(Object value) {
        if (setting.oneOf().length > 0) {
            return List.of(setting.oneOf()).contains(text(value));
        }
        if (!(value instanceof Number number)) {
            return !type.isEnum() || type.isInstance(value);
        }
        double x = number.doubleValue();
        boolean closed = Double.isFinite(x) && x >= setting.min() && x <= setting.max();
        return closed && x > setting.above() && x < setting.below();
    }
}
