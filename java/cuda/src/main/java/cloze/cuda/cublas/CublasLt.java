package cloze.cuda.cublas;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import cloze.backend.BackendException;
import cloze.cuda.driver.SharedLibrary;
import cloze.cuda.driver.Teardown;
import cloze.cuda.graph.CudaQueue;
import cloze.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The functions of cuBLASLt for matrix multiplication. The algorithm for a problem is chosen by its heuristics once and kept. Not
 * thread-safe: callers hold the lock of the queue.
 *
 * @see <a href="https://docs.nvidia.com/cuda/cublas/#using-the-cublaslt-api">its manual</a>
 */
public final class CublasLt implements AutoCloseable {
    /** Bytes of device memory that a multiplication may use while it runs. */
    static final long WORKSPACE = 32L << 20;

    // cudaDataType_t, cublasComputeType_t
    private static final int R_32F = 0;
    private static final int R_16BF = 14;
    private static final int COMPUTE_32F = 68;
    private static final int COMPUTE_32F_FAST_TF32 = 77;

    // cublasLtMatmulDescAttributes_t
    private static final int TRANSA = 3;
    private static final int TRANSB = 4;
    private static final int EPILOGUE = 7;
    private static final int BIAS_POINTER = 8;
    private static final int AUX_POINTER = 11;
    private static final int AUX_LD = 12;

    // cublasLtMatmulPreferenceAttributes_t: the alignments of A, B, C and D follow one another
    private static final int MAX_WORKSPACE_BYTES = 1;
    private static final int MIN_ALIGNMENT_A_BYTES = 5;

    /** cublasLtMatmulHeuristicResult_t: the algorithm, 64 bytes, then workspace, state, waves and reserved words. */
    private static final long HEURISTIC_BYTES = 96;

    private static final long STATE_OFFSET = 72;

    private record Plan(
            MemorySegment operation, MemorySegment a, MemorySegment b, MemorySegment d, MemorySegment algorithm) {}

    private final Arena arena = Arena.ofShared();
    private final Map<CublasLtProblem, Optional<Plan>> plans = new HashMap<>();
    private final Map<String, MethodHandle> functions = new HashMap<>();
    private final SharedLibrary library;
    private final MemorySegment handle;
    private final MemorySegment value = arena.allocate(JAVA_LONG);
    private final MemorySegment one = arena.allocateFrom(JAVA_FLOAT, 1);
    private final MemorySegment zero = arena.allocateFrom(JAVA_FLOAT, 0);

    /** @throws BackendException if the library does not work */
    public CublasLt(SharedLibrary library) {
        this.library = library;
        try {
            handle = create("cublasLtCreate", "context");
        } catch (BackendException e) {
            arena.close();
            throw new BackendException(
                    String.format(
                            Locale.ROOT,
                            "cuBLASLt %s does not work: %s; -Dcloze.cuda.matmul=own leaves it aside",
                            library,
                            e.getMessage()),
                    e);
        }
    }

    /** For example 13.1.0. */
    String version() {
        MethodHandle version = library.bind("cublasLtGetVersion", FunctionDescriptor.of(JAVA_LONG));
        try {
            long number = (long) version.invokeExact();
            return String.format(Locale.ROOT, "%d.%d.%d", number / 10_000, number % 10_000 / 100, number % 100);
        } catch (Throwable e) {
            throw new IllegalStateException("cublasLtGetVersion", e);
        }
    }

    /**
     * One matrix multiplication.
     *
     * @param add true adds the result to the old value of D
     * @param bias address of the bias, which {@code BGRADB} writes and other epilogues read; of the result's type
     * @param aux address where an epilogue with {@code AUX} in its name stores its input
     */
    record Call(CublasLtProblem problem, long a, long b, long d, boolean add, long bias, long aux, long workspace) {
        @Override
        public String toString() {
            return problem.toString();
        }
    }

    /** Returns true if the library has an algorithm for a call. */
    boolean has(Call call) {
        return plans.computeIfAbsent(call.problem, p -> plan(p, call.bias, call.aux))
                .isPresent();
    }

    /** @return false if the library has no algorithm for it */
    boolean run(CudaQueue queue, Call call) {
        if (!has(call)) {
            return false;
        }
        queue.library(call, stream -> run(call, stream.address()));
        return true;
    }

    private void run(Call call, long stream) {
        Plan plan = plans.getOrDefault(call.problem, Optional.empty()).orElseThrow();
        point(call.problem, plan.operation, call.bias, call.aux);
        call(
                "cublasLtMatmul",
                call.problem,
                handle,
                plan.operation,
                one,
                MemorySegment.ofAddress(call.a),
                plan.a,
                MemorySegment.ofAddress(call.b),
                plan.b,
                call.add ? one : zero,
                MemorySegment.ofAddress(call.d),
                plan.d,
                MemorySegment.ofAddress(call.d),
                plan.d,
                plan.algorithm,
                MemorySegment.ofAddress(call.workspace),
                WORKSPACE,
                MemorySegment.ofAddress(stream));
    }

    private void point(CublasLtProblem problem, MemorySegment operation, long bias, long aux) {
        if (problem.epilogue().hasBias) {
            set("cublasLtMatmulDescSetAttribute", operation, BIAS_POINTER, bias, Long.BYTES);
        }
        if (problem.epilogue().hasAux) {
            set("cublasLtMatmulDescSetAttribute", operation, AUX_POINTER, aux, Long.BYTES);
        }
    }

    private Optional<Plan> plan(CublasLtProblem problem, long bias, long aux) {
        MemorySegment operation = create(
                "cublasLtMatmulDescCreate",
                problem.toString(),
                problem.tf32() ? COMPUTE_32F_FAST_TF32 : COMPUTE_32F,
                R_32F);
        set("cublasLtMatmulDescSetAttribute", operation, TRANSA, problem.transposesA() ? 1 : 0, Integer.BYTES);
        set("cublasLtMatmulDescSetAttribute", operation, TRANSB, problem.transposesB() ? 1 : 0, Integer.BYTES);
        set("cublasLtMatmulDescSetAttribute", operation, EPILOGUE, problem.epilogue().code, Integer.BYTES);
        if (problem.epilogue().hasAux) {
            set("cublasLtMatmulDescSetAttribute", operation, AUX_LD, problem.rows(), Long.BYTES);
        }
        point(problem, operation, bias, aux); // the heuristics depend on their alignment
        MemorySegment a = layout(problem, problem.transposesA(), problem.rows(), problem.depth(), problem.factors());
        MemorySegment b = layout(problem, problem.transposesB(), problem.depth(), problem.columns(), problem.factors());
        MemorySegment d = layout(problem, false, problem.rows(), problem.columns(), problem.result());
        MemorySegment algorithm = algorithm(problem, operation, a, b, d);
        if (algorithm != null) {
            return Optional.of(new Plan(operation, a, b, d, algorithm));
        }
        destroy("cublasLtMatmulDescDestroy", operation);
        for (MemorySegment layout : new MemorySegment[] {a, b, d}) {
            destroy("cublasLtMatrixLayoutDestroy", layout);
        }
        return Optional.empty();
    }

    private MemorySegment layout(CublasLtProblem problem, boolean transposed, long rows, long columns, DType dtype) {
        long lines = transposed ? columns : rows;
        int type = dtype == DType.BF16 ? R_16BF : R_32F;
        return create(
                "cublasLtMatrixLayoutCreate", problem.toString(), type, lines, transposed ? rows : columns, lines);
    }

    /** The best by the library's heuristics, or null if it has none. */
    private @Nullable MemorySegment algorithm(
            CublasLtProblem problem, MemorySegment operation, MemorySegment a, MemorySegment b, MemorySegment d) {
        MemorySegment preference = create("cublasLtMatmulPreferenceCreate", problem.toString());
        String setter = "cublasLtMatmulPreferenceSetAttribute";
        set(setter, preference, MAX_WORKSPACE_BYTES, WORKSPACE, Long.BYTES);
        for (int matrix = 0; matrix < 4; matrix++) {
            set(setter, preference, MIN_ALIGNMENT_A_BYTES + matrix, problem.alignment(), Integer.BYTES);
        }
        MemorySegment result = arena.allocate(HEURISTIC_BYTES, Long.BYTES);
        int status =
                invoke("cublasLtMatmulAlgoGetHeuristic", handle, operation, a, b, d, d, preference, 1, result, value);
        int found = value.get(JAVA_INT, 0);
        destroy("cublasLtMatmulPreferenceDestroy", preference);
        if (status != CublasStatus.NOT_SUPPORTED) {
            check("cublasLtMatmulAlgoGetHeuristic", problem.toString(), status);
        }
        boolean usable = status == 0 && found > 0 && result.get(JAVA_INT, STATE_OFFSET) == 0;
        return usable ? result : null;
    }

    private void set(String function, MemorySegment object, int attribute, long number, int bytes) {
        value.set(JAVA_LONG, 0, number); // little-endian: an attribute of 4 bytes is the first 4
        call(function, "an attribute", object, attribute, value, (long) bytes);
    }

    /** The object that a function creates and stores in its first argument. */
    private MemorySegment create(String function, String what, Object... arguments) {
        var all = new Object[arguments.length + 1];
        all[0] = value;
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        call(function, what, all);
        return value.get(ADDRESS, 0);
    }

    private void destroy(String function, MemorySegment object) {
        call(function, "", object);
    }

    private void call(String function, Object what, Object... arguments) {
        check(function, what, invoke(function, arguments));
    }

    private static void check(String function, Object what, int status) {
        if (status != 0) {
            throw new BackendException(
                    String.format(Locale.ROOT, "%s for %s: %s", function, what, CublasStatus.name(status)));
        }
    }

    private int invoke(String function, Object... arguments) {
        try {
            return (int) functions
                    .computeIfAbsent(function, name -> bind(name, arguments))
                    .invoke(arguments);
        } catch (BackendException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(function, e);
        }
    }

    /** The types in C follow from the arguments: pointers, int and types of 64 bits. */
    private MethodHandle bind(String function, Object... arguments) {
        var layouts = new MemoryLayout[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            layouts[i] = arguments[i] instanceof MemorySegment
                    ? ADDRESS
                    : arguments[i] instanceof Integer ? JAVA_INT : JAVA_LONG;
        }
        MethodHandle exact = library.bind(function, FunctionDescriptor.of(JAVA_INT, layouts));
        return exact.asSpreader(Object[].class, arguments.length);
    }

    @Override
    public void close() {
        var parts = new Teardown();
        plans.values().stream()
                .flatMap(Optional::stream)
                .forEach(plan -> parts.free(() -> destroy("cublasLtMatmulDescDestroy", plan.operation))
                        .free(() -> destroy("cublasLtMatrixLayoutDestroy", plan.a))
                        .free(() -> destroy("cublasLtMatrixLayoutDestroy", plan.b))
                        .free(() -> destroy("cublasLtMatrixLayoutDestroy", plan.d)));
        plans.clear();
        parts.free(() -> call("cublasLtDestroy", "context", handle))
                .free(arena::close)
                .end();
    }
}
