package cloze.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.generate.Sampling;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Add;
import cloze.op.Device;
import cloze.op.Heads;
import cloze.tensor.DType;
import cloze.tensor.Pool;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.text.token.CharTokenizer;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.WeakReference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is closed throws and is named, also if it is closed while it is used. */
class CloseTest {
    private static final CharTokenizer TOKENIZER = CharTokenizer.of("abcdefgh\n");
    private static final Sampling SOME = Sampling.greedy(20);

    @TempDir
    Path temporary;

    static List<Device> devices() {
        return Device.all();
    }

    private static Parameters.Built<Gpt> built(Backend backend, Scope scope) {
        var config = new GptConfig(TOKENIZER.vocabularySize(), 32, 2, 64, Heads.of(2, 32), GptConfig.Style.MODERN, 0);
        return Parameters.build(backend, scope, 3, p -> new Gpt(config, p));
    }

    @Test
    void a_closed_model_throws_with_its_name() {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1));
                Scope scope = backend.memory().scope("test")) {
            LanguageModel model = LanguageModel.of(backend, built(backend, scope), TOKENIZER);
            assertThat(model.generate("ab", SOME)).isNotEmpty();
            model.close();
            model.close();
            assertThatThrownBy(() -> model.generate("ab", SOME))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("LanguageModel language model is closed");
            assertThatThrownBy(() -> model.score("ab")).hasMessage("LanguageModel language model is closed");
        }
    }

    private static void close(AutoCloseable model) {
        try {
            model.close();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void a_model_can_not_be_closed_by_what_receives_its_text() {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1));
                Scope scope = backend.memory().scope("test");
                LanguageModel model = LanguageModel.of(backend, built(backend, scope), TOKENIZER)) {
            assertThatThrownBy(() -> model.generate("ab", SOME, _ -> close(model)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("LanguageModel language model can not be closed within a call of it");
            assertThat(model.generate("ab", SOME)).isNotEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("devices")
    void everything_of_a_closed_backend_throws_and_is_named(Device device) {
        Backend backend = device.open(1);
        Pool pool = backend.memory();
        Scope scope = pool.scope("kept");
        Tensor x = scope.tensor("x", new Shape(3), DType.F32);
        Tensor y = scope.tensor("y", new Shape(3), DType.F32);
        Tensor slice = scope.slice(x, 1, "slice", new Shape(2), false);
        Add.Forward add = backend.kernel(Add.Forward.class);
        MemorySegment memory = x.memory();
        assertThatThrownBy(backend::close).hasMessageContaining("closed with open scopes: 'kept'");
        backend.close();
        String closed = "backend " + backend.name() + " is closed";
        String freed = String.format(Locale.ROOT, "was freed when backend %s closed", backend.name());
        for (Runnable use : List.<Runnable>of(
                () -> backend.set(x, 1f, 2f, 3f),
                () -> backend.floats(x),
                () -> backend.copy(x, y),
                () -> backend.zero(x),
                () -> add.call(x, y, y, 1, 3),
                () -> pool.scope("late"),
                () -> scope.child("late"))) {
            assertThatThrownBy(use::run)
                    .isInstanceOf(IllegalStateException.class)
                    .message()
                    .matches(String.format(Locale.ROOT, "(?s).*(%s|%s).*", closed, freed));
        }
        for (Runnable use : List.<Runnable>of(x::memory, slice::memory)) {
            assertThatThrownBy(use::run)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageEndingWith(freed);
        }
        assertThatThrownBy(() -> scope.tensor("late", new Shape(1), DType.F32)).hasMessageContaining("is closed");
        if (memory.byteSize() > 0) {
            assertThatThrownBy(() -> memory.get(ValueLayout.JAVA_FLOAT, 0)).isInstanceOf(IllegalStateException.class);
        }
        scope.release(x);
        scope.close();
        pool.trim();
        pool.close();
    }

    /** Forgotten scopes, tensors and backends; what is still reachable by its tensor alone stays. */
    @Test
    void what_is_forgotten_is_given_back() throws InterruptedException {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1))) {
            Tensor kept = forget(backend);
            awaitFreed(() -> backend.memory().bytesUsed() < 1 << 20);
            assertThat(backend.set(kept, 1f, 2f).memory().get(ValueLayout.JAVA_FLOAT, 4))
                    .isEqualTo(2);
            assertThat(backend.memory().report()).contains("'kept'").doesNotContain("'forgotten'");
            assertThatThrownBy(backend::close).hasMessageContaining("'kept'");
        }
        WeakReference<Pool> pool = forgetBackend();
        awaitFreed(() -> pool.get() == null);
    }

    private static Tensor forget(Backend backend) {
        backend.memory().scope("forgotten").tensor("large", new Shape(1 << 20), DType.F32);
        return backend.memory().scope("kept").tensor("kept", new Shape(2), DType.F32);
    }

    private static WeakReference<Pool> forgetBackend() {
        Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1));
        backend.zero(backend.memory().scope("forgotten").tensor("x", new Shape(2 << 20), DType.F32));
        return new WeakReference<>(backend.memory());
    }

    private interface Condition {
        boolean holds();
    }

    @SuppressWarnings("BusyWait") // a collection can not be waited for
    private static void awaitFreed(Condition freed) throws InterruptedException {
        for (int i = 0; i < 200 && !freed.holds(); i++) {
            System.gc();
            Thread.sleep(10);
        }
        assertThat(freed.holds()).isTrue();
    }

    /** Models, scopes and backends are closed while eight threads use them; none of them may end the JVM. */
    static final class Crashing {
        private static final int THREADS = 8;

        public static void main(String[] arguments) throws InterruptedException, ExecutionException {
            if (arguments.length > 0) {
                try (Backend backend =
                        Backends.open("cpu", BackendOptions.DEFAULT.withThreads(Integer.parseInt(arguments[0])))) {
                    System.out.println(backend.description());
                } catch (IllegalArgumentException e) {
                    System.out.println(e.getMessage());
                }
            }
            for (int round = 0; round < 6; round++) {
                boolean model = round % 3 == 0;
                boolean scoped = round % 3 == 1;
                round(model, scoped);
            }
            System.out.println("alive");
        }

        private static void round(boolean closesModel, boolean closesScope)
                throws InterruptedException, ExecutionException {
            Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1));
            Scope scope = backend.memory().scope("model");
            LanguageModel model = LanguageModel.of(backend, built(backend, scope), TOKENIZER);
            var started = new CountDownLatch(THREADS);
            try (var executor = Executors.newFixedThreadPool(THREADS)) {
                List<Future<String>> ends = new ArrayList<>();
                for (int i = 0; i < THREADS; i++) {
                    int number = i;
                    ends.add(executor.submit(() -> use(backend, model, started, number)));
                }
                started.await();
                if (closesModel) {
                    model.close();
                }
                if (closesScope || closesModel) {
                    scope.close();
                    backend.memory().trim();
                }
                close(backend);
                for (Future<String> end : ends) {
                    if (!end.get().matches("(?s).*(closed|freed|released).*")) {
                        throw new AssertionError(end.get());
                    }
                }
            }
        }

        private static void close(Backend backend) {
            try {
                backend.close();
            } catch (IllegalStateException e) {
                if (!String.valueOf(e.getMessage()).contains("open scopes")) {
                    throw e;
                }
            }
        }

        /** The exception that ends it. */
        private static String use(Backend backend, LanguageModel model, CountDownLatch started, int number) {
            boolean told = false;
            try {
                while (true) {
                    if (number % 2 == 0) {
                        model.generate("abc", SOME);
                    } else {
                        large(backend);
                    }
                    if (!told) {
                        started.countDown();
                        told = true;
                    }
                }
            } catch (IllegalStateException e) {
                return String.valueOf(e.getMessage());
            }
        }

        /** Its blocks are unmapped one by one when they are trimmed. */
        private static void large(Backend backend) {
            try (Scope step = backend.memory().scope("step")) {
                Tensor x = step.tensor("x", new Shape(2 << 20), DType.F32);
                Tensor y = step.tensor("y", new Shape(2 << 20), DType.F32);
                backend.zero(x);
                backend.kernel(Add.Forward.class).call(x, x, y, 2, 1 << 20);
            }
        }
    }

    private String output(String limits, String... arguments) throws IOException, InterruptedException {
        var command = new ArrayList<String>(List.of("bash", "-c", limits + " exec \"$0\" \"$@\""));
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        String libraries = System.getProperty("cloze.cpu.libraries");
        if (libraries != null) {
            command.add("-Dcloze.cpu.libraries=" + libraries);
        }
        command.addAll(List.of(
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-XX:-CreateCoredumpOnCrash",
                "-Xmx512m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path") + File.pathSeparator + System.getProperty("jdk.module.path", ""),
                Crashing.class.getName()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .directory(temporary.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        assertThat(temporary.toFile().list((_, name) -> name.startsWith("hs_err")))
                .isEmpty();
        assertThat(output).contains("alive");
        return output;
    }

    @Test
    void closing_under_eight_threads_is_survived() throws IOException, InterruptedException {
        output("");
    }

    /** Stacks of 1 TiB: the address space has room for about a hundred. */
    @Test
    void threads_that_the_system_refuses_are_an_exception() throws IOException, InterruptedException {
        assertThat(output("ulimit -s 1073741824 &&", "1000"))
                .contains("threads must be fewer: of 1000 the system started ");
    }
}
