package cloze.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

final class UsageTest {
    static Stream<List<String>> commands() {
        var all = new ArrayList<List<String>>();
        collect(Cloze.commandLine(), List.of(), all);
        return all.stream();
    }

    private static void collect(CommandLine command, List<String> path, List<List<String>> into) {
        into.add(path);
        command.getSubcommands().forEach((name, inner) -> {
            if (!name.equals("help")) {
                collect(inner, Stream.concat(path.stream(), Stream.of(name)).toList(), into);
            }
        });
    }

    private static CommandLine find(List<String> path) {
        CommandLine command = Cloze.commandLine();
        for (String name : path) {
            command = command.getSubcommands().get(name);
        }
        return command;
    }

    @ParameterizedTest
    @MethodSource("commands")
    void every_command_explains_itself_with_an_example(List<String> path) {
        String[] args = Stream.concat(path.stream(), Stream.of("--help")).toArray(String[]::new);
        CommandLines.Ran ran = CommandLines.run(args);
        assertThat(ran.exitCode()).isZero();
        assertThat(ran.out()).startsWith("Usage: cloze").contains("Example");
        assertThat(ran.err()).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("commands")
    void every_option_is_described(List<String> path) {
        for (OptionSpec option : find(path).getCommandSpec().options()) {
            assertThat(String.join(" ", option.description()))
                    .as("%s of %s", option.longestName(), path)
                    .isNotBlank()
                    .endsWith(".");
        }
    }

    @Test
    void an_option_takes_the_same_kind_of_value_in_every_command() {
        Map<String, String> labels = new HashMap<>();
        commands()
                .flatMap(path -> find(path).getCommandSpec().options().stream())
                .filter(option -> option.arity().max() > 0)
                .forEach(option -> {
                    String label = labels.putIfAbsent(option.longestName(), option.paramLabel());
                    assertThat(option.paramLabel())
                            .as("%s in %s", option.longestName(), option.command())
                            .isEqualTo(label == null ? option.paramLabel() : label);
                });
    }

    @ParameterizedTest
    @CsvSource({
        "dctor, there is no command 'dctor'; did you mean doctor?",
        "doctr --json, there is no command 'doctr'; did you mean doctor?",
        "doctor --jsno, there is no option --jsno; did you mean --json?",
        "doctor --xyzzy, there is no option --xyzzy",
        "doctor please, 'please' is one argument too many"
    })
    void wrong_usage_is_one_line_that_names_the_nearest_right_one(String line, String message) {
        CommandLines.Ran ran = CommandLines.run(line.split(" "));
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.err().lines().findFirst()).hasValue("cloze: " + message);
        assertThat(ran.out()).isEmpty();
    }

    @Test
    void no_command_at_all_is_wrong_usage() {
        CommandLines.Ran ran = CommandLines.run();
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.err()).contains("a command is missing");
    }

    @Test
    void says_its_version() {
        assertThat(CommandLines.run("--version").out()).matches("cloze \\d+\\.\\d+.*\\s");
    }
}
