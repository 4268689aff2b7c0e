package cloze.bench.kernels;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.bench.OpSide;
import java.util.Arrays;
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

/** One op of a backend with its tape: forward alone, and forward with backward; until the device has done it. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public abstract class OpBenchmark {
    /** "cpu" or "cuda": {@code -p device=cuda}. */
    @Param({"cpu"})
    String device = "";

    private @Nullable Backend backend;
    private @Nullable OpSide side;

    /** The op that the parameters of the benchmark name. */
    abstract OpSide open(Backend backend);

    /** Opens the backend with as many threads as the system property {@code cloze.bench.threads} says. */
    @Setup(Level.Trial)
    public void open() {
        int threads = Integer.getInteger("cloze.bench.threads", 1);
        Backend opened = Backends.open(device, BackendOptions.DEFAULT.withThreads(threads));
        backend = opened;
        side = open(opened);
    }

    /** Frees what the op holds. */
    @TearDown(Level.Trial)
    public void close() {
        if (side != null) {
            side.close();
        }
        if (backend != null) {
            backend.close();
        }
    }

    private static <T> T opened(@Nullable T part) {
        if (part == null) {
            throw new IllegalStateException("open comes first");
        }
        return part;
    }

    private static void end(OpSide op, Backend device) {
        op.clear();
        device.synchronize();
    }

    /** The value. */
    @Benchmark
    public void forward() {
        OpSide op = opened(side);
        op.forward();
        end(op, opened(backend));
    }

    /** The value and the gradients of all inputs. */
    @Benchmark
    public void forwardBackward() {
        OpSide op = opened(side);
        op.forward();
        op.backward();
        end(op, opened(backend));
    }

    /** Integers of "8 x 6 x 256". */
    static int[] extents(String shape) {
        return Arrays.stream(shape.split("x", -1))
                .map(String::strip)
                .mapToInt(Integer::parseInt)
                .toArray();
    }
}
