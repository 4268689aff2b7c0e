package cloze.cli.train;

import cloze.cli.Nearest;
import cloze.cli.Subcommand;
import cloze.model.GptConfig;
import java.util.ArrayList;
import java.util.List;

/** For the help of {@code --preset}. */
public final class PresetNames extends ArrayList<String> {
    private static final long serialVersionUID = 1L;

    PresetNames() {
        super(GptConfig.presetNames());
    }

    /** Refuses a name that no preset has, with the nearest one. */
    public static void check(List<String> names, String name, Subcommand command) {
        if (!names.contains(name)) {
            String nearest = Nearest.to(name, names);
            throw command.wrongUsage(
                    nearest == null
                            ? "--preset must be one of %s, but it is '%s'".formatted(String.join(", ", names), name)
                            : "there is no preset '%s'; did you mean %s?".formatted(name, nearest));
        }
    }
}
