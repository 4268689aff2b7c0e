package cloze.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Options and errors that all commands share. */
public abstract class Subcommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create(); // picocli sets it

    @SuppressWarnings("UnusedVariable") // picocli asks its own parse result
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    private boolean help;

    @SuppressWarnings("UnusedVariable") // as above
    @Option(names = Errors.STACKTRACE, description = "Print the stack trace of a failure.")
    private boolean stacktrace;

    /** For picocli. */
    protected Subcommand() {}

    public final PrintWriter out() {
        return spec.commandLine().getOut();
    }

    public final PrintWriter err() {
        return spec.commandLine().getErr();
    }

    /** The parsed command line. */
    protected final ParseResult parsed() {
        return spec.commandLine().getParseResult();
    }

    /** The names of the options that were given. */
    public final Stream<String> given() {
        return spec.commandLine().getParseResult().matchedOptions().stream().map(OptionSpec::longestName);
    }

    public final void printJson(Object value) {
        JsonMapper mapper =
                JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
        out().println(mapper.writeValueAsString(value));
    }

    /** An exception with a message and exit code 2. */
    public final ParameterException wrongUsage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    /** An exception for a value that the library rejects. */
    public final ParameterException wrongUsage(String option, RuntimeException e) {
        return new ParameterException(
                spec.commandLine(), String.format(Locale.ROOT, "%s: %s", option, e.getMessage()), e);
    }
}
