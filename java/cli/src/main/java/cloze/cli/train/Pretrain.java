package cloze.cli.train;

import cloze.recipe.Recipe;
import cloze.recipe.Recipes;
import cloze.recipe.Run;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code cloze pretrain}: a command for each recipe that begins with random weights. */
@Command(
        name = "pretrain",
        sortOptions = false,
        description = "Trains a model from random weights, or resumes a run of any system.",
        synopsisSubcommandLabel = "SYSTEM",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze pretrain gpt --data book.txt --run runs/book",
            "  cloze pretrain mae --data photos/ --run runs/photos",
            "  cloze pretrain --resume --run runs/book"
        })
public final class Pretrain extends TrainingCommand {
    /** For picocli. */
    public Pretrain() {}

    /**
     * The command with a subcommand for each recipe.
     *
     * @param args of the whole line, of which the preset decides the defaults in the help
     */
    public static CommandLine commandLine(String... args) {
        var command = new CommandLine(new Pretrain());
        for (Recipe<?, ?> recipe : Recipes.pretraining()) {
            command.addSubcommand(recipe.name(), PretrainRecipe.commandLine(recipe, args));
        }
        return command;
    }

    @Override
    public Integer call() throws IOException {
        Path run = run();
        if (!resumes() || run == null) {
            throw wrongUsage(String.format(
                    Locale.ROOT,
                    "pretrain needs a system, one of %s; or --resume with --run",
                    Recipes.pretraining().stream().map(Recipe::name).collect(Collectors.joining(", "))));
        }
        return execute(run, (folder, backend) -> Run.resume(folder, backend, opening()));
    }
}
