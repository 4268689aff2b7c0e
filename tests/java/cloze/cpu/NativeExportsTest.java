package cloze.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** No exception of C++ leaves an exported function, since the JVM would abort. */
class NativeExportsTest {
    private static final Path SOURCES = Path.of("../native/src");

    /** Functions of a few instructions that call nothing which throws. */
    private static final Set<String> PLAIN =
            Set.of("memory_map", "memory_unmap", "cpu_level", "threads_get", "products_tune", "failure_describe");

    private static final Pattern DEFINITION =
            Pattern.compile("CLOZE_EXPORT\\s+([\\w*]+\\s*\\*?)\\s*(\\w+)\\(([^{;]*)\\)([^{;()]*)([{;])");

    private static List<Path> sources() throws IOException {
        try (Stream<Path> files = Files.list(SOURCES)) {
            return files.filter(file -> file.toString().endsWith(".cpp"))
                    .sorted()
                    .toList();
        }
    }

    @Test
    void each_exported_function_catches_what_is_thrown() throws IOException {
        var names = new TreeSet<String>();
        for (Path source : sources()) {
            String text = Files.readString(source);
            Matcher exported = DEFINITION.matcher(text);
            while (exported.find()) {
                String name = exported.group(2);
                names.add(name);
                assertThat(exported.group(4).strip().replaceAll("\\s+", " "))
                        .as("%s of %s", name, source)
                        .isEqualTo(exported.group(5).equals(";") || PLAIN.contains(name) ? "noexcept" : "noexcept try");
                if (!PLAIN.contains(name) && exported.group(5).equals("{")) {
                    String after = text.substring(text.indexOf("\n}\n", exported.end()));
                    assertThat(after).as("the end of %s", name).startsWith("\n}\nCLOZE_CATCH");
                    assertThat(exported.group(1).strip())
                            .as("the result of %s", name)
                            .isEqualTo("int64_t");
                }
            }
            assertThat(text.split("CLOZE_EXPORT ", -1).length - 1)
                    .as("exports of %s that this test understands", source)
                    .isEqualTo((int) DEFINITION.matcher(text).results().count());
        }
        assertThat(names).containsAll(PLAIN).contains("embedding_forward", "threads_set", "muon_step");
    }

    @Test
    void threads_that_can_not_be_started_are_an_exception_and_the_pool_works_on() {
        NativeLibrary library = NativeLibrary.best();
        try (Backend backend = new CpuBackend(library, BackendOptions.DEFAULT.withThreads(2));
                Scope scope = backend.memory().scope("test")) {
            assertThatThrownBy(() -> library.setThreads(Integer.MAX_VALUE))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("threads must be");
            assertThat(library.threads()).isEqualTo(2);
            var x = backend.set(scope.tensor("x", new Shape(100_000), DType.F32), new float[100_000]);
            var y = backend.set(scope.tensor("y", new Shape(100_000), DType.F32), new float[100_000]);
            backend.kernel(Gradients.Add.class).call(x, y, 100_000);
            assertThat(backend.floats(y)).containsOnly(0);
        }
    }
}
