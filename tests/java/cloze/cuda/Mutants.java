package cloze.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectUniqueId;

import cloze.op.Device;
import cloze.op.OpContract;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/**
 * The contracts find planted bugs in CUDA kernels: each of {@code cuda/mutants} makes a case of its test fail, which
 * passes without the bug. A sample runs with all tests, the others are a proof: {@code build-scripts/proofs}. A subclass
 * takes those of some tests, so that two JVMs share them.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class Mutants {
    /** Two orders of the threads: what one of them hides, the other shows. */
    private static final String DEVICES = "cuda on host, (seed [13]|cuDNN)";

    private static final Path MUTANTS =
            Path.of("").toAbsolutePath().resolveSibling("cuda").resolve("mutants/mutants.txt");

    /** One mutant of so many is of the sample. */
    private static final int SAMPLE = 6;

    private final Predicate<Mutant> mine;
    private HostObjects objects;

    Mutants(Predicate<Mutant> mine) {
        this.mine = mine;
    }

    record Mutant(String what, String test, HostObjects.Change change) {
        /** A blank line ends a mutant; a text may have several lines. */
        static Mutant parse(String paragraph) {
            String[] parts = paragraph.split("\n(?=[-+] )", -1);
            String[] head = parts[0].split("\n", -1);
            String[] place = head[1].split(" ", -1);
            var change = new HostObjects.Change(place[0], parts[1].substring(2), parts[2].substring(2));
            return new Mutant(head[0], place[1], change);
        }

        /** Half of the time is theirs. */
        boolean isOfAttention() {
            return test.startsWith("Attention");
        }

        @Override
        public String toString() {
            return what;
        }
    }

    private List<Mutant> mutants() throws IOException {
        return Stream.of(Files.readString(MUTANTS).strip().split("\n\n"))
                .map(Mutant::parse)
                .filter(mine)
                .toList();
    }

    Stream<Mutant> sample() throws IOException {
        List<Mutant> all = mutants();
        return IntStream.range(0, all.size()).filter(i -> i % SAMPLE == 0).mapToObj(all::get);
    }

    Stream<Mutant> others() throws IOException {
        List<Mutant> all = mutants();
        return IntStream.range(0, all.size()).filter(i -> i % SAMPLE != 0).mapToObj(all::get);
    }

    @BeforeAll
    void copySources(@TempDir Path shared) throws IOException {
        objects = new HostObjects(shared);
    }

    @Test
    void each_changes_a_place_that_its_file_has_once() throws IOException {
        for (Mutant mutant : mutants()) {
            HostObjects.Change change = mutant.change();
            assertThat(Files.readString(HostObjects.CUDA.resolve(change.file())))
                    .as("%s: %s", mutant, change.file())
                    .containsOnlyOnce(change.from());
        }
    }

    @Tag("proof")
    @ParameterizedTest(name = "{0}")
    @MethodSource("others")
    void every_other_one_is_found(Mutant mutant, @TempDir Path temporary)
            throws IOException, InterruptedException, ClassNotFoundException {
        is_found(mutant, temporary);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("sample")
    void is_found(Mutant mutant, @TempDir Path temporary)
            throws IOException, InterruptedException, ClassNotFoundException {
        String op = HostObjects.op(mutant.test());
        List<String> found = failures(
                objects.library(op, mutant.change(), temporary),
                selectClass(Class.forName("cloze.op." + mutant.test())));
        assertThat(found).as("failures of %s", mutant.test()).isNotEmpty();
        assertThat(failures(objects.library(op), selectUniqueId(found.getFirst())))
                .as("failures without the bug")
                .isEmpty();
    }

    /** Unique names of the tests that fail with a library of kernels; the run stops after the first. */
    private static List<String> failures(Path library, DiscoverySelector tests) {
        String kernels = System.getProperty("cloze.cuda.kernels");
        System.setProperty("cloze.cuda.kernels", library.toString());
        System.setProperty(Device.ONLY, DEVICES);
        try {
            return failures(tests);
        } finally {
            System.clearProperty(Device.ONLY);
            System.clearProperty(OpContract.STOP);
            System.setProperty("cloze.cuda.kernels", kernels);
        }
    }

    private static List<String> failures(DiscoverySelector tests) {
        List<String> failed = new ArrayList<>();
        var summary = new SummaryGeneratingListener() {
            @Override
            public void executionFinished(TestIdentifier finished, TestExecutionResult result) {
                super.executionFinished(finished, result);
                if (result.getStatus() == TestExecutionResult.Status.FAILED) {
                    failed.add(finished.getUniqueId());
                    System.setProperty(OpContract.STOP, "true");
                }
            }
        };
        var request = LauncherDiscoveryRequestBuilder.request().selectors(tests).build();
        LauncherFactory.create().execute(request, summary);
        assertThat(summary.getSummary().getTestsStartedCount()).isPositive();
        return failed;
    }
}
