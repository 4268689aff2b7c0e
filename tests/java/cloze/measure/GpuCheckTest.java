package cloze.measure;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The bundle for a GPU host without Java is not built here; but its scripts are read, and its lists are whole. */
class GpuCheckTest {
    private static final Path PROJECT = Path.of("").toAbsolutePath().getParent();
    private static final Path GPU = PROJECT.resolve("tests/bench/gpu");
    private static final Path TESTS = PROJECT.resolve("tests/java");

    private record Ran(int exitCode, String output) {}

    private static Ran run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ran(process.waitFor(), output);
    }

    static List<Path> scripts() throws IOException {
        var scripts = new ArrayList<>(List.of(GPU.resolve("gpu-check"), GPU.resolve("cloze")));
        try (Stream<Path> files = Files.list(PROJECT.resolve("build-scripts"))) {
            files.filter(Files::isRegularFile).forEach(scripts::add);
        }
        return scripts;
    }

    @ParameterizedTest
    @MethodSource("scripts")
    void a_script_can_be_read(Path script) throws IOException, InterruptedException {
        assertThat(run("bash", "-n", script.toString())).isEqualTo(new Ran(0, ""));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "slow", "quick --fast", "quick --only contracts,steps", "bench"})
    void gpu_check_refuses_what_it_can_not_do(String arguments) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of("bash", GPU.resolve("gpu-check").toString()));
        command.addAll(Arrays.asList(arguments.isEmpty() ? new String[0] : arguments.split(" ", -1)));
        Ran ran = run(command.toArray(String[]::new));
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.output()).startsWith("gpu-check: ").contains("usage: gpu-check quick|bench");
    }

    /** The lines of the file {@code contracts}, in words. */
    private static List<List<String>> contracts() throws IOException {
        return Files.readAllLines(GPU.resolve("contracts")).stream()
                .filter(line -> !line.startsWith("#"))
                .map(line -> Arrays.asList(line.split(" ", -1)))
                .toList();
    }

    @Test
    void every_line_of_contracts_names_a_test_and_what_the_script_knows() throws IOException {
        for (List<String> line : contracts()) {
            assertThat(TESTS.resolve(line.getFirst().replace('.', '/') + ".java"))
                    .exists();
            for (String word : line.subList(1, line.size())) {
                assertThat(word).matches("hopper|(with-)?(cublasLt|cudnn)|card|small|-D[a-zA-Z.]+=[a-z]+");
            }
        }
        assertThat(contracts()).doesNotHaveDuplicates();
    }

    /** All of {@code cloze.op}, and what else draws or computes on each device. */
    @ParameterizedTest
    @ValueSource(strings = {"op", "backend", "nn"})
    void contracts_leave_no_test_of_devices_out(String name) throws IOException {
        List<String> listed =
                contracts().stream().map(List::getFirst).distinct().toList();
        var wanted = new ArrayList<String>();
        try (Stream<Path> files = Files.list(TESTS.resolve("cloze").resolve(name))) {
            for (Path file : files.toList()) {
                String type = file.getFileName().toString().replace(".java", "");
                String source = Files.readString(file);
                boolean onDevices = source.contains("Device.all()")
                        || source.contains("Device.cublasLt()")
                        || source.contains("return Device.cudnn();")
                        || source.contains("Device.hopper()")
                        || source.contains("extends OpContract");
                if (onDevices && type.endsWith("Test")) {
                    wanted.add(String.format(Locale.ROOT, "cloze.%s.%s", name, type));
                }
            }
        }
        assertThat(wanted).isNotEmpty();
        assertThat(listed).containsAll(wanted);
    }

    /** So that what a host without it does not test can be told by name. */
    @ParameterizedTest
    @CsvSource({"Device.cublasLt(),cublasLt", "Device.cudnn(),cudnn"})
    void contracts_tell_which_tests_use_a_library(String call, String library) throws IOException {
        for (List<String> line : contracts()) {
            String source = Files.readString(TESTS.resolve(line.getFirst().replace('.', '/') + ".java"));
            assertThat(line.contains(library) || line.contains("with-" + library))
                    .as("%s has %s", line, library)
                    .isEqualTo(source.contains(call));
        }
    }

    /** Entries of a table of Python: {@code "LayerNorm": layer_norm}. */
    private static Map<String, String> entries(String python, String table) {
        String body = python.substring(python.indexOf(table + " = {"));
        var entries = new HashMap<String, String>();
        Pattern.compile("\"([^\"]+)\": (\\w+)")
                .matcher(body.substring(0, body.indexOf('}')))
                .results()
                .forEach(match -> entries.put(match.group(1), match.group(2)));
        return entries;
    }

    /** Parameters of a function that come behind so many. */
    private static int parameters(String python, String function, int before) {
        var definition = Pattern.compile(String.format(Locale.ROOT, "def %s\\(([^)]*)\\)", function))
                .matcher(python);
        assertThat(definition.find()).as("def %s", function).isTrue();
        return definition.group(1).split(",", -1).length - before;
    }

    private static int numbers(String shape) {
        return (int) Pattern.compile("\\d+").matcher(shape).results().count();
    }

    /** So that neither side can leave out what it is bad at. */
    @ParameterizedTest
    @EnumSource
    void pytorch_is_measured_at_every_kernel_of_ours_and_reads_its_shape(Shapes shapes) throws IOException {
        String python = Files.readString(GPU.resolve("torch_bench.py"));
        Map<String, String> functions = entries(python, "KERNELS");
        for (Subject subject : shapes.kernels()) {
            assertThat(functions).containsKey(subject.name());
            assertThat(parameters(python, functions.get(subject.name()), 2))
                    .as("numbers of %s", subject)
                    .isEqualTo(numbers(subject.shape()));
        }
        if (shapes == Shapes.GPU) {
            assertThat(shapes.kernels()).extracting(Subject::name).containsAll(functions.keySet());
        }
    }

    @ParameterizedTest
    @EnumSource
    void pytorch_is_measured_at_every_step_of_ours_and_reads_its_shape(Shapes shapes) throws IOException {
        String python = Files.readString(GPU.resolve("torch_models.py"));
        for (StepCase<?, ?> step : shapes.steps()) {
            String model = step.recipe().name();
            assertThat(step.name()).startsWith(model);
            if (step.recipe().benchmarks().isEmpty()) {
                continue; // only its tiny model is measured, to try the command
            }
            assertThat(parameters(python, model + "_step", 2))
                    .as("numbers of %s", step)
                    .isEqualTo(numbers(step.shape()));
        }
    }
}
