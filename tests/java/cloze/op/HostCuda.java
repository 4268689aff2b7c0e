package cloze.op;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.BackendProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The stand-in for a CUDA driver, which runs kernels on fibers of the host in an order that a seed decides. */
@SuppressWarnings("restricted") // the stand-in is a foreign library
public final class HostCuda {
    /**
     * The orders of threads in which tests run if nothing else is asked for. One is fixed: threads run ahead as far as they
     * can, and asynchronous copies land late. The other is drawn anew for each run of the tests, and is in their names; its
     * copies land at once.
     */
    static final List<Integer> USUAL = List.of(1, (4 + new SecureRandom().nextInt(1 << 20)) | 2);

    /** Orders that are run only where {@link Device#ONLY} names them. */
    static final List<Integer> OTHERS = List.of(0, 3);

    private HostCuda() {}

    static boolean isThere() {
        String driver = System.getProperty("cloze.cuda.driver");
        return driver != null && library(driver).find("cloze_host_seed").isPresent();
    }

    /** @param name a path, or a name for the loader as a real driver has */
    private static SymbolLookup library(String name) {
        return name.contains("/")
                ? SymbolLookup.libraryLookup(Path.of(name).toAbsolutePath(), Arena.global())
                : SymbolLookup.libraryLookup(name, Arena.global());
    }

    static void order(int seed) {
        call(System.getProperty("cloze.cuda.driver"), "cloze_host_seed", seed);
    }

    /** The stand-in for cuBLASLt, which lies beside that for the driver. */
    public static Path cublasLt() {
        return Path.of(System.getProperty("cloze.cuda.driver")).toAbsolutePath().resolveSibling("libcublasLt.so.13");
    }

    /** Which epilogues it has, by their bits in {@code cublasLtEpilogue_t}. */
    static void epilogues(int mask) {
        call(cublasLt().toString(), "cloze_host_epilogues", mask);
    }

    /** How many matrix multiplications cuBLASLt has been asked for. */
    static long matMuls() {
        return count(cublasLt().toString(), "cloze_host_products");
    }

    /** The stand-in for cuDNN, which lies beside that for the driver. */
    public static Path cudnn() {
        return cublasLt().resolveSibling("libcudnn.so.9");
    }

    /** Which algorithms it has, a bit each by its number. */
    static void algorithms(int mask) {
        call(cudnn().toString(), "cloze_host_algorithms", mask);
    }

    /** What each of them needs beside its tensors. */
    static void workspace(int kibibytes) {
        call(cudnn().toString(), "cloze_host_workspace", kibibytes);
    }

    /** Makes the next convolution or layer answer so. */
    static void failCudnn(int status) {
        call(cudnn().toString(), "cloze_host_status", status);
    }

    /** How many convolutions cuDNN has been asked for. */
    static long convolutions() {
        return count(cudnn().toString(), "cloze_host_convolutions");
    }

    /** How many calls of layers of LSTM cuDNN has been asked for. */
    static long layers() {
        return count(cudnn().toString(), "cloze_host_layers");
    }

    /** How many graphs have been launched. */
    public static long graphLaunches() {
        return count(System.getProperty("cloze.cuda.driver"), "cloze_host_graph_launches");
    }

    /** How many streams, events, graphs, modules and blocks of memory nobody has given back. */
    public static int held() {
        return (int) count(System.getProperty("cloze.cuda.driver"), "cloze_host_held");
    }

    private static long count(String library, String function) {
        MethodHandle count = Linker.nativeLinker()
                .downcallHandle(
                        library(library).find(function).orElseThrow(), FunctionDescriptor.of(ValueLayout.JAVA_LONG));
        try {
            return (long) count.invokeExact();
        } catch (Throwable e) {
            throw new IllegalStateException(function, e);
        }
    }

    /** Gives each device so much memory; what is more than 2 GiB can not be asked for. */
    public static void memory(int bytes) {
        call(System.getProperty("cloze.cuda.driver"), "cloze_host_memory", bytes);
    }

    /** Whether launches are taken and not run, to measure what they cost the host. */
    public static void idle(boolean on) {
        call(System.getProperty("cloze.cuda.driver"), "cloze_host_idle", on ? 1 : 0);
    }

    /**
     * Makes the kernel fail that runs as the {@code count}-th from now, none for 0. What failed before is forgotten, which
     * else is the answer to all that follows, as of a GPU.
     */
    public static void fail(int count) {
        call(System.getProperty("cloze.cuda.driver"), "cloze_host_fail", count);
    }

    public static Backend withMatMul(String by, @Nullable String library, Device device, BackendOptions options) {
        return with("cloze.cuda.matmul", by, "cloze.cuda.cublasLt", library, device, options);
    }

    static Backend withConvolutions(String by, @Nullable String library, Device device, BackendOptions options) {
        return with("cloze.cuda.convolutions", by, "cloze.cuda.cudnn", library, device, options);
    }

    static Backend withLstm(String by, @Nullable String library, Device device, BackendOptions options) {
        return with("cloze.cuda.lstm", by, "cloze.cuda.cudnn", library, device, options);
    }

    /** By own kernels if nothing else is asked for: a library that a test has loaded is known to the loader from then on. */
    static Backend open(BackendProvider provider, BackendOptions options) {
        String asked = System.getProperty("cloze.cuda.convolutions", "");
        String library = System.getProperty("cloze.cuda.cudnn");
        var device = new Device(provider.name(), provider::open);
        return withConvolutions(asked.isEmpty() ? "own" : asked, library, device, options);
    }

    private static Backend with(
            String choice, String by, String place, @Nullable String library, Device device, BackendOptions options) {
        String before = System.setProperty(choice, by);
        if (library != null) {
            System.setProperty(place, library);
        }
        try {
            return device.open(options);
        } finally {
            System.clearProperty(place);
            System.setProperty(choice, before == null ? "" : before);
        }
    }

    static Backend withCapability(int capability, Device device, BackendOptions options) {
        String driver = System.getProperty("cloze.cuda.driver");
        call(driver, "cloze_host_capability", capability);
        try {
            return device.open(options);
        } finally {
            call(driver, "cloze_host_capability", 80);
        }
    }

    /** The name of the kernel that was launched last. */
    static String lastKernel() {
        MethodHandle get = Linker.nativeLinker()
                .downcallHandle(
                        library(System.getProperty("cloze.cuda.driver"))
                                .find("cloze_host_kernel")
                                .orElseThrow(),
                        FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocate(256);
            get.invokeExact(name, 256);
            return name.getString(0);
        } catch (Throwable e) {
            throw new IllegalStateException("cloze_host_kernel", e);
        }
    }

    /** Has a function of the driver answer so from now on, see {@code driver.cpp}. */
    public static void answer(String function, int result) {
        MethodHandle set = Linker.nativeLinker()
                .downcallHandle(
                        library(System.getProperty("cloze.cuda.driver"))
                                .find("cloze_host_answer")
                                .orElseThrow(),
                        FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        try (Arena arena = Arena.ofConfined()) {
            set.invokeExact(arena.allocateFrom(function), result);
        } catch (Throwable e) {
            throw new IllegalStateException("cloze_host_answer", e);
        }
    }

    private static void call(String library, String function, int number) {
        MethodHandle set = Linker.nativeLinker()
                .downcallHandle(
                        library(library).find(function).orElseThrow(), FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
        try {
            set.invokeExact(number);
        } catch (Throwable e) {
            throw new IllegalStateException(function, e);
        }
    }
}
