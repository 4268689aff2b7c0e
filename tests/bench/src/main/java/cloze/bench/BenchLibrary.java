package cloze.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** What {@code tests/bench/native} builds; the only class here that calls restricted methods. */
@SuppressWarnings("restricted") // foreign functions are what this class is for
public final class BenchLibrary {
    private final SymbolLookup symbols;

    /** Loads the file that the system property {@code cloze.bench.library} names, for the life of the process. */
    public BenchLibrary() {
        String file = System.getProperty("cloze.bench.library");
        if (file == null) {
            throw new IllegalStateException("cloze.bench.library names no file: run this with build-scripts/bench");
        }
        symbols = SymbolLookup.libraryLookup(Path.of(file), Arena.global());
    }

    /** GFLOP/s of multiply-adds in f32. */
    public double gflops(int threads) {
        return measure("peak_gflops", threads);
    }

    /** GB/s of a pass that reads two arrays in DRAM and writes one of them. */
    public double gigabytes(int threads) {
        return measure("peak_gigabytes", threads);
    }

    private double measure(String symbol, int threads) {
        var descriptor = FunctionDescriptor.of(ValueLayout.JAVA_DOUBLE, ValueLayout.JAVA_LONG);
        try {
            return (double) handle(symbol, descriptor).invokeExact((long) threads);
        } catch (Throwable e) {
            throw new IllegalStateException(symbol, e);
        }
    }

    /** Whether the libtorch of this process has the fused AdamW. */
    public boolean openFusedAdamW() {
        try {
            return (long) handle("fused_adamw_open", FunctionDescriptor.of(ValueLayout.JAVA_LONG))
                            .invokeExact()
                    == 1;
        } catch (Throwable e) {
            throw new IllegalStateException("fused_adamw_open", e);
        }
    }

    /** Five addresses of tensor vectors, then learning rate, betas, decay and epsilon. */
    public MethodHandle fusedAdamW() {
        var layouts = new MemoryLayout[10];
        for (int i = 0; i < layouts.length; i++) {
            layouts[i] = i < 5 ? ValueLayout.JAVA_LONG : ValueLayout.JAVA_DOUBLE;
        }
        return handle("fused_adamw_step", FunctionDescriptor.ofVoid(layouts));
    }

    private MethodHandle handle(String symbol, FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(symbols.findOrThrow(symbol), descriptor);
    }
}
