package cloze.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import cloze.op.Device;
import cloze.op.OpContract;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/** The contracts find planted bugs in CUDA kernels: each of {@code cuda/mutants} makes its test fail. */
class MutantsTest {
    /** Two orders of the threads: what one of them hides, the other shows. */
    private static final String TWO_ORDERS = "cuda on host, seed [13]";

    private static final String ONE_ORDER = "cuda on host, seed 3";

    private static final Path CUDA = Path.of("").toAbsolutePath().resolveSibling("cuda");

    @TempDir
    Path temporary;

    record Mutant(String what, String file, String test, String from, String to) {
        /** A blank line ends a mutant; a text may have several lines. */
        static Mutant parse(String paragraph) {
            String[] parts = paragraph.split("\n(?=[-+] )", -1);
            String[] head = parts[0].split("\n", -1);
            String[] place = head[1].split(" ", -1);
            return new Mutant(head[0], place[0], place[1], parts[1].substring(2), parts[2].substring(2));
        }

        @Override
        public String toString() {
            return what;
        }
    }

    static Stream<Mutant> mutants() throws IOException {
        return Stream.of(Files.readString(CUDA.resolve("mutants/mutants.txt"))
                        .strip()
                        .split("\n\n"))
                .map(Mutant::parse);
    }

    static Stream<String> tests() throws IOException {
        return mutants().map(Mutant::test).distinct();
    }

    /** So that it is the bug that makes a test fail. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("tests")
    void the_sources_pass_as_they_are(String test) throws IOException, InterruptedException {
        assertThat(failuresOf(new Mutant(
                        "nothing", "src/add.cu", test, "CLOZE_KERNEL(add_forward,", "CLOZE_KERNEL(add_forward,"),
                        ONE_ORDER))
                .as("failures of %s", test)
                .isZero();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("mutants")
    void is_found(Mutant mutant) throws IOException, InterruptedException {
        assertThat(failuresOf(mutant, TWO_ORDERS)).as("failures of %s", mutant.test()).isPositive();
    }

    private long failuresOf(Mutant mutant, String devices) throws IOException, InterruptedException {
        String kernels = System.getProperty("cloze.cuda.kernels");
        System.setProperty("cloze.cuda.kernels", build(mutant).toString());
        System.setProperty(Device.ONLY, devices);
        try {
            return failures(mutant.test());
        } finally {
            System.clearProperty(Device.ONLY);
            System.clearProperty(OpContract.STOP);
            System.setProperty("cloze.cuda.kernels", kernels);
        }
    }

    /** Of the first run that fails: what comes after it is not run. */
    private static long failures(String test) {
        var summary = new SummaryGeneratingListener() {
            @Override
            public void executionFinished(TestIdentifier finished, TestExecutionResult result) {
                super.executionFinished(finished, result);
                if (result.getStatus() == TestExecutionResult.Status.FAILED) {
                    System.setProperty(OpContract.STOP, "true");
                }
            }
        };
        try {
            var request = LauncherDiscoveryRequestBuilder.request()
                    .selectors(selectClass(Class.forName("cloze.op." + test)))
                    .build();
            LauncherFactory.create().execute(request, summary);
        } catch (ClassNotFoundException e) {
            throw new AssertionError(e);
        }
        assertThat(summary.getSummary().getTestsStartedCount()).isPositive();
        return summary.getSummary().getTestsFailedCount();
    }

    /** The kernel that the test needs, and the one that adds gradients, over the emulation. */
    private Path build(Mutant mutant) throws IOException, InterruptedException {
        copy(CUDA.resolve("include/cloze"), temporary.resolve("include/cloze"));
        copy(CUDA.resolve("src"), temporary.resolve("src"));
        Path changed = temporary.resolve(mutant.file());
        String source = Files.readString(changed);
        assertThat(source).as(mutant.file()).containsOnlyOnce(mutant.from());
        Files.writeString(changed, source.replace(mutant.from(), mutant.to()));
        String op = mutant.test()
                .replace("Test", "")
                .replaceAll("(?<=[a-z])(?=[A-Z])", "_")
                .toLowerCase(Locale.ROOT);
        Path library = temporary.resolve("kernels.so");
        String compiler = System.getenv().getOrDefault("CXX", "c++");
        var command = new ArrayList<>(List.of(
                compiler,
                "-std=c++20",
                "-O1",
                "-fPIC",
                "-shared",
                "-fvisibility=hidden",
                "-ffp-contract=fast",
                "-I" + temporary.resolve("include"),
                "-I" + CUDA.resolve("host"),
                "-o",
                library.toString(),
                "-x",
                "c++",
                CUDA.resolve("host/fibers.cpp").toString(),
                CUDA.resolve("host/hopper.cpp").toString(),
                temporary.resolve("src/gradients.cu").toString()));
        String any = op.replaceAll("_(hopper|mma)$", "");
        command.add(temporary.resolve("src/%s.cu".formatted(any)).toString());
        if (!any.equals(op)) { // for bf16 alone, and what does not fit goes to the other one
            for (String narrow : new TreeSet<>(List.of(any, op, "attention_mma", "attention_mma_backward"))) {
                command.add(inBf16(narrow).toString());
            }
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return library;
    }

    private Path inBf16(String op) throws IOException {
        return Files.writeString(
                temporary.resolve(op + "_bf16.cu"), "#define CLOZE_BF16\n#include \"src/%s.cu\"\n".formatted(op));
    }

    private static void copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName()));
            }
        }
    }
}
