package cloze.cli;

import cloze.cli.bench.Bench;
import cloze.cli.image.AttentionMaps;
import cloze.cli.image.Classify;
import cloze.cli.image.NearestImages;
import cloze.cli.image.Probe;
import cloze.cli.image.Project;
import cloze.cli.image.Reconstruct;
import cloze.cli.text.Generate;
import cloze.cli.text.ScoreText;
import cloze.cli.text.Tokenize;
import cloze.cli.train.Finetune;
import cloze.cli.train.Pretrain;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.Properties;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IVersionProvider;

/** The {@code cloze} command. Exits 0 if all went well, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C. */
@Command(
        name = "cloze",
        versionProvider = Cloze.Version.class,
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        description = "Trains and runs models that predict hidden parts of text and images.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  cloze pretrain gpt --data book.txt --steps 1000 --run runs/book",
            "  cloze generate --run runs/book --prompt \"Call me\"",
            "  cloze doctor",
            "",
            "'cloze COMMAND --help' shows the options of a command."
        },
        subcommands = {
            Classify.class,
            Reconstruct.class,
            Probe.class,
            AttentionMaps.class,
            Project.class,
            NearestImages.class,
            Generate.class,
            ScoreText.class,
            Export.class,
            Plan.class,
            Bench.class,
            Tokenize.class,
            Doctor.class,
            HelpCommand.class
        })
public final class Cloze {
    /** For picocli. */
    public Cloze() {}

    /** Runs the command and ends the process. */
    public static void main(String[] args) {
        System.setProperty("java.awt.headless", "true"); // plots are files
        Locale.setDefault(Locale.ROOT); // libraries write numbers too, and scripts read them
        var out = new PrintWriter(System.out, true, System.out.charset());
        var err = new PrintWriter(System.err, true, System.err.charset());
        int code = run(out, err, args);
        out.flush();
        err.flush();
        System.exit(code);
    }

    /**
     * Runs the command.
     *
     * @return its exit code
     */
    public static int run(PrintWriter out, PrintWriter err, String... args) {
        CommandLine command = commandLine(args).setOut(out).setErr(err);
        try {
            return command.execute(args);
        } catch (OutOfMemoryError | StackOverflowError e) { // picocli reports exceptions alone
            return Errors.exhausted(e, command, args);
        }
    }

    /**
     * The command with all subcommands.
     *
     * @param args of the line, which decide the defaults in the help
     */
    static CommandLine commandLine(String... args) {
        CommandLine all = new CommandLine(new Cloze());
        all.addSubcommand("pretrain", Pretrain.commandLine(args));
        all.addSubcommand("finetune", Finetune.commandLine());
        return all.setUsageHelpAutoWidth(true)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler(Errors::wrongUsage)
                .setExecutionExceptionHandler(Errors::failure);
    }

    static String version() {
        try (InputStream file = Cloze.class.getResourceAsStream("version.properties")) {
            var properties = new Properties();
            if (file != null) {
                properties.load(file);
            }
            return properties.getProperty("version", "unknown");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"cloze " + version()};
        }
    }
}
