package cloze.cli;

import cloze.setting.Nearest;
import java.io.FileNotFoundException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Reports an error in one line. */
final class Errors {
    static final String STACKTRACE = "--stacktrace";

    private Errors() {}

    /** Exit code 2. */
    static int wrongUsage(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        command.getErr().println("cloze: " + usageMessage(e, command));
        command.getErr()
                .println(String.format(
                        Locale.ROOT,
                        "'%s --help' shows what there is",
                        command.getCommandSpec().qualifiedName()));
        return command.getCommandSpec().exitCodeOnInvalidInput();
    }

    private static String usageMessage(ParameterException e, CommandLine command) {
        if (e instanceof UnmatchedArgumentException unmatched
                && !unmatched.getUnmatched().isEmpty()) {
            return unmatched(unmatched.getUnmatched().getFirst(), command);
        }
        String message = String.valueOf(e.getMessage());
        if (message.equals("Missing required subcommand")) {
            return "a command is missing";
        }
        boolean ours = !(e instanceof MissingParameterException) && !message.startsWith("Invalid value");
        return ours ? message : message.substring(0, 1).toLowerCase(Locale.ROOT) + message.substring(1);
    }

    private static String unmatched(String argument, CommandLine command) {
        String name = argument.split("=", 2)[0];
        CommandSpec spec = command.getCommandSpec();
        if (name.startsWith("-")) {
            Stream<String> options = spec.options().stream().flatMap(option -> Stream.of(option.names()));
            return String.format(Locale.ROOT, "there is no option %s%s", name, didYouMean(name, options.toList()));
        }
        List<String> commands = List.copyOf(spec.subcommands().keySet());
        return commands.isEmpty()
                ? String.format(Locale.ROOT, "'%s' is one argument too many", argument)
                : String.format(Locale.ROOT, "there is no command '%s'%s", argument, didYouMean(argument, commands));
    }

    private static String didYouMean(String name, List<String> known) {
        String nearest = Nearest.to(name, known);
        return nearest == null ? "" : String.format(Locale.ROOT, "; did you mean %s?", nearest);
    }

    /** Exit code 1; prints the stack trace with {@code --stacktrace}. */
    static int failure(Exception e, CommandLine command, ParseResult parsed) {
        if (parsed.hasMatchedOption(STACKTRACE)) {
            e.printStackTrace(command.getErr());
        } else {
            command.getErr().println("cloze: " + describe(e));
        }
        return command.getCommandSpec().exitCodeOnExecutionException();
    }

    /** Exit code 1 for memory that is not enough. */
    static int exhausted(Error e, CommandLine command, String... args) {
        if (List.of(args).contains(STACKTRACE)) {
            e.printStackTrace(command.getErr());
        } else {
            command.getErr().println("cloze: " + exhaustion(e));
        }
        command.getErr().flush();
        return command.getCommandSpec().exitCodeOnExecutionException();
    }

    private static String exhaustion(Error e) {
        if (e instanceof StackOverflowError) {
            return "the stack of a thread is full: something is nested too deeply; CLOZE_JAVA_OPTIONS=-Xss64m gives more";
        }
        return String.format(
                Locale.ROOT,
                "out of memory (%s): the heap is limited to %,d MiB; CLOZE_JAVA_OPTIONS=-Xmx8g gives it 8 GiB",
                e.getMessage(),
                Runtime.getRuntime().maxMemory() >> 20);
    }

    static String describe(Exception e) {
        for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
            if (cause instanceof OutOfMemoryError || cause instanceof StackOverflowError) {
                return exhaustion((Error) cause);
            }
        }
        String message = e.getMessage();
        return switch (e) {
            case NoSuchFileException _ -> message + " does not exist";
            case AccessDeniedException _ -> message + " may not be read or written by this user";
            case FileAlreadyExistsException _ -> message + " exists already";
            case FileNotFoundException _ -> String.valueOf(message);
            default -> unknown(e, message);
        };
    }

    /** Messages of unexpected exceptions begin with the exception's name. */
    private static String unknown(Exception e, @Nullable String message) {
        if (message == null || message.isBlank()) {
            return String.format(
                    Locale.ROOT, "%s (--stacktrace shows where)", e.getClass().getSimpleName());
        }
        boolean bug = e instanceof NullPointerException
                || e instanceof IndexOutOfBoundsException
                || e instanceof ClassCastException;
        String line = message.lines().findFirst().orElse("");
        return bug
                ? String.format(
                        Locale.ROOT,
                        "%s: %s (--stacktrace shows where)",
                        e.getClass().getSimpleName(),
                        line)
                : line;
    }
}
