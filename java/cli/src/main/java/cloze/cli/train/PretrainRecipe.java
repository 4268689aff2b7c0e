package cloze.cli.train;

import cloze.recipe.Preset;
import cloze.recipe.Recipe;
import cloze.recipe.Recipes;
import cloze.recipe.Run;
import cloze.setting.Nearest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SequencedMap;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** {@code cloze pretrain NAME}: trains by one recipe. Its options are the settings of a preset. */
@Command(sortOptions = false)
final class PretrainRecipe<C extends Record, M> extends TrainingCommand {
    private static final String PRESET = "--preset";

    private final Recipe<C, M> recipe;
    private final SequencedMap<String, Preset<C>> presets;
    private final String shown; // the preset whose settings are the defaults
    private SettingOptions options = new SettingOptions();

    private PretrainRecipe(Recipe<C, M> recipe, String... args) {
        this.recipe = recipe;
        presets = recipe.presets();
        String asked = asked(args);
        shown = presets.containsKey(asked) ? asked : presets.firstEntry().getKey();
    }

    /** The command, with the defaults of the preset that the line asks for. */
    static CommandLine commandLine(Recipe<?, ?> recipe, String... args) {
        return new PretrainRecipe<>(recipe, args).commandLine();
    }

    private CommandLine commandLine() {
        CommandSpec spec = CommandSpec.forAnnotatedObject(this);
        String name = recipe.name();
        String first = presets.firstEntry().getKey();
        spec.name(name);
        spec.usageMessage()
                .description(recipe.about() + " Ctrl-C saves a checkpoint first; --resume goes on from it, to the same"
                        + " bits as a run that was not interrupted.")
                .footerHeading("%nExamples:%n")
                .footer(
                        "  cloze pretrain " + name,
                        String.format(
                                Locale.ROOT,
                                "  cloze pretrain %s --preset %s --steps 1000 --run runs/mine",
                                name,
                                shown),
                        "  cloze pretrain --resume --run runs/mine");
        spec.addOption(OptionSpec.builder(PRESET)
                .paramLabel("NAME")
                .type(String.class)
                .description(String.format(
                                Locale.ROOT,
                                "Model with its usual settings, one of %s (default: %s). With %s and --help its defaults",
                                String.join(", ", presets.keySet()),
                                first,
                                PRESET)
                        + " are shown.")
                .build());
        options = SettingOptions.add(spec, recipe, Objects.requireNonNull(presets.get(shown)));
        return new CommandLine(spec);
    }

    private static String asked(String... args) {
        for (int i = 0; i < args.length; i++) {
            if (args[i].startsWith(PRESET + "=")) {
                return args[i].substring(PRESET.length() + 1);
            }
            if (args[i].equals(PRESET) && i + 1 < args.length) {
                return args[i + 1];
            }
        }
        return "";
    }

    @Override
    public Integer call() throws IOException {
        refuseOptionsAtResume();
        String name = parsed().matchedOptionValue(PRESET, presets.firstEntry().getKey());
        if (resumes()) {
            return execute(run(folder(name)), (folder, backend) -> Run.resume(folder, recipe, backend, opening()));
        }
        Preset<C> preset = preset(name);
        return execute(run(folder(name)), (folder, backend) -> Run.start(folder, recipe, preset, backend, opening()));
    }

    private Preset<C> preset(String name) {
        Preset<C> usual = presets.get(name);
        if (usual == null) {
            List<String> names = List.copyOf(presets.keySet());
            String nearest = Nearest.to(name, names);
            throw wrongUsage(
                    nearest == null
                            ? String.format(
                                    Locale.ROOT,
                                    "--preset must be one of %s, but it is '%s'",
                                    String.join(", ", names),
                                    name)
                            : String.format(Locale.ROOT, "there is no preset '%s'; did you mean %s?", name, nearest));
        }
        try {
            return usual.with(options.given(parsed()));
        } catch (IllegalArgumentException e) {
            throw wrongUsage("" + e.getMessage());
        }
    }

    /** {@code runs/PRESET}, and {@code runs/RECIPE-PRESET} if an earlier recipe has a preset of that name. */
    private Path folder(String preset) {
        boolean first = Recipes.ALL.stream()
                .filter(other -> other.presets().containsKey(preset))
                .findFirst()
                .filter(other -> !other.equals(recipe))
                .isEmpty();
        return Path.of("runs", first ? preset : recipe.name() + "-" + preset);
    }
}
