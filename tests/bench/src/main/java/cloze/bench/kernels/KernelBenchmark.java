package cloze.bench.kernels;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.measure.Inputs;
import cloze.measure.Pass;
import cloze.measure.Shapes;
import cloze.measure.Subject;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** One pass of a kernel of {@code cloze bench kernels}, until the device has done it. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class KernelBenchmark {
    /** "cpu" or "cuda": {@code -p device=cuda}. */
    @Param({"cpu"})
    String device = "";

    /** Of {@link Shapes}. */
    @Param({"cpu"})
    String shapes = "";

    /** A subject with its shape, and one of its passes. */
    @Param({"LayerNorm 2048 x 384 forward"})
    String call = "";

    private @Nullable Backend backend;
    private @Nullable Inputs inputs;
    private @Nullable Pass pass;

    static String name(Subject subject, Pass pass) {
        return subject + " " + pass.name();
    }

    /** Opens the backend with as many threads as the system property {@code cloze.bench.threads} says. */
    @Setup(Level.Trial)
    public void open() {
        int threads = Integer.getInteger("cloze.bench.threads", 1);
        Backend opened = Backends.open(device, BackendOptions.DEFAULT.withThreads(threads));
        var made = new Inputs(opened);
        backend = opened;
        inputs = made;
        pass = Shapes.valueOf(shapes.toUpperCase(Locale.ROOT)).kernels().stream()
                .filter(subject -> call.startsWith(subject + " "))
                .flatMap(subject -> subject.passes().apply(made).stream()
                        .filter(p -> name(subject, p).equals(call)))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(String.format(
                        Locale.ROOT, "call must be one of the kernels of %s shapes, but it is %s", shapes, call)));
    }

    /** Frees what the kernel is called on. */
    @TearDown(Level.Trial)
    public void close() {
        if (inputs != null) {
            inputs.close();
        }
        if (backend != null) {
            backend.close();
        }
    }

    /** The pass alone, into results that are overwritten each time. */
    @Benchmark
    public void run() {
        if (pass == null || backend == null) {
            throw new IllegalStateException("open comes first");
        }
        pass.call().run();
        backend.synchronize();
    }
}
