package cloze.op;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;

/** The stand-in for a CUDA driver, which runs kernels on fibers of the host in an order that a seed decides. */
@SuppressWarnings("restricted") // the stand-in is a foreign library
final class HostCuda {
    /** The last is drawn anew for each run of the tests; it is in the names of the tests. */
    static final List<Integer> SEEDS = List.of(0, 1, 3, 4 + new SecureRandom().nextInt(1 << 20));

    private HostCuda() {}

    static boolean isThere() {
        String driver = System.getProperty("cloze.cuda.driver");
        return driver != null && library(driver).find("cloze_host_seed").isPresent();
    }

    private static SymbolLookup library(String driver) {
        return SymbolLookup.libraryLookup(Path.of(driver).toAbsolutePath(), Arena.global());
    }

    static void order(int seed) {
        MethodHandle set = Linker.nativeLinker()
                .downcallHandle(
                        library(System.getProperty("cloze.cuda.driver"))
                                .find("cloze_host_seed")
                                .orElseThrow(),
                        FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
        try {
            set.invokeExact(seed);
        } catch (Throwable e) {
            throw new IllegalStateException("cloze_host_seed", e);
        }
    }
}
