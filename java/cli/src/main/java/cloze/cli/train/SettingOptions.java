package cloze.cli.train;

import cloze.cli.Sizes;
import cloze.recipe.Preset;
import cloze.recipe.Recipe;
import cloze.setting.Field;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.TypeConversionException;

/**
 * The options of the command for the settings of a preset. Names, help, defaults, bounds and messages come from the records
 * of the settings.
 */
final class SettingOptions {
    private static final Pattern NUMBER = Pattern.compile("[-+]?[0-9]*\\.?[0-9]+([eE][-+]?[0-9]{1,3})?");

    /** The setting of an option, and its value if the option has none. */
    private record Meaning(Field field, boolean on) {}

    private final Map<String, Meaning> meanings = new LinkedHashMap<>();

    /** Adds an option for every setting that applies to the recipe. */
    static SettingOptions add(CommandSpec spec, Recipe<?, ?> recipe, Preset<?> preset) {
        var options = new SettingOptions();
        for (Field field : preset.fields()) {
            if (isMeant(field, recipe.without())) {
                Object usual = Objects.requireNonNull(preset.get(field.path()), field.path());
                if (field.type() == boolean.class) {
                    options.flag(spec, field, (boolean) usual);
                } else {
                    options.value(spec, field, usual);
                }
            }
        }
        return options;
    }

    private static boolean isMeant(Field field, Set<String> without) {
        return without.stream()
                .noneMatch(path -> path.endsWith(".")
                        ? field.path().startsWith(path)
                        : field.path().equals(path) || field.path().startsWith(path + "."));
    }

    private void value(CommandSpec spec, Field field, Object usual) {
        String shown = Field.text(usual);
        boolean none = shown.isEmpty()
                || (shown.equals("0") && !field.setting().group().isEmpty());
        String help = field.setting().value();
        List<String> values = field.values();
        boolean few = field.type().isEnum() || (field.type() == String.class && !values.isEmpty());
        String choice = few ? " One of " + String.join(", ", values) + "." : "";
        String text = help + choice;
        add(
                spec,
                OptionSpec.builder(field.flags().toArray(String[]::new))
                        .paramLabel(field.label())
                        .type(String.class)
                        .description(none ? text : text.substring(0, text.length() - 1) + " (default: " + shown + ")."),
                new Meaning(field, true));
    }

    /** Shows the option that changes the default; the other one is accepted too. */
    private void flag(CommandSpec spec, Field field, boolean usual) {
        String help = field.setting().value();
        add(
                spec,
                OptionSpec.builder(field.flags().toArray(String[]::new))
                        .type(boolean.class)
                        .arity("0")
                        .hidden(usual)
                        .description(help),
                new Meaning(field, true));
        add(
                spec,
                OptionSpec.builder(field.off())
                        .type(boolean.class)
                        .arity("0")
                        .hidden(!usual)
                        .description(help),
                new Meaning(field, false));
    }

    private void add(CommandSpec spec, OptionSpec.Builder builder, Meaning meaning) {
        OptionSpec option = builder.build();
        spec.addOption(option);
        for (String name : option.names()) {
            meanings.put(name, meaning);
        }
    }

    /**
     * The settings that were given, by path.
     *
     * @throws ParameterException if a value is of another type or out of its bounds; names the option
     */
    Map<String, Object> given(ParseResult parsed) {
        var given = new LinkedHashMap<String, Object>();
        for (OptionSpec option : parsed.matchedOptions()) {
            Meaning meaning = meanings.get(option.longestName());
            if (meaning != null) {
                Object value = meaning.field.type() == boolean.class
                        ? meaning.on
                        : checked(parsed, option.longestName(), meaning.field, option.getValue());
                given.put(meaning.field.path(), value);
            }
        }
        return given;
    }

    private static Object checked(ParseResult parsed, String option, Field field, String text) {
        try {
            Object value = value(field.type(), text);
            field.check(option, value);
            return value;
        } catch (TypeConversionException e) {
            throw new ParameterException(
                    parsed.commandSpec().commandLine(),
                    String.format(Locale.ROOT, "%s: %s", option, e.getMessage()),
                    e);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(parsed.commandSpec().commandLine(), "" + e.getMessage(), e);
        }
    }

    private static Object value(Class<?> type, String text) {
        if (type == String.class) {
            return text;
        }
        if (type.isEnum()) {
            for (Object constant : type.getEnumConstants()) {
                if (Field.text(constant).equalsIgnoreCase(text)) {
                    return constant;
                }
            }
            return text; // out of bounds
        }
        if (type == double.class || type == float.class) {
            if (!NUMBER.matcher(text).matches()) {
                throw new TypeConversionException(
                        String.format(Locale.ROOT, "it must be a number, but it is '%s'", text));
            }
            return Double.parseDouble(text);
        }
        long whole = text.startsWith("-") ? -Sizes.whole(text.substring(1)) : Sizes.whole(text);
        if (type == int.class && whole != (int) whole) {
            throw new TypeConversionException("it must be below 2^31, but it is " + text);
        }
        return whole;
    }
}
