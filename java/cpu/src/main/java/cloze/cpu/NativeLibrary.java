package cloze.cpu;

import cloze.backend.BackendException;
import cloze.tensor.DeviceMemory;
import cloze.tensor.OutOfMemoryException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A library built from {@code native/}, loaded for the lifetime of the process: from the folder in the system property
 * {@code cloze.cpu.libraries}, or else from the jar, unpacked into the cache. Only this class of the module calls
 * restricted methods.
 */
@SuppressWarnings("restricted") // this class wraps foreign functions
final class NativeLibrary implements DeviceMemory {
    /** The result of a kernel that has not failed; failures are less. */
    static final long OK = 0;

    private static final long FIRST_FAILURE = -100;

    private static final Map<CpuLevel, NativeLibrary> LOADED = new EnumMap<>(CpuLevel.class);

    private final CpuLevel level;
    private final Path file;
    private final SymbolLookup symbols;
    private final MethodHandle map;
    private final MethodHandle unmap;

    private NativeLibrary(CpuLevel level) {
        this.level = level;
        this.file = locate(level);
        try {
            symbols = SymbolLookup.libraryLookup(file, Arena.global());
        } catch (IllegalArgumentException e) {
            throw new BackendException(String.format(Locale.ROOT, "%s can not be loaded: %s", file, e.getMessage()), e);
        }
        map = bind("memory_map", ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);
        unmap = bind("memory_unmap", null, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);
    }

    static synchronized NativeLibrary of(CpuLevel level) {
        if (level != CpuLevel.BASELINE && level.compareTo(machineLevel()) > 0) {
            throw new BackendException(
                    String.format(Locale.ROOT, "this machine has no %s, only %s", level, machineLevel()));
        }
        return LOADED.computeIfAbsent(level, NativeLibrary::new);
    }

    static NativeLibrary best() {
        String asked = System.getProperty("cloze.cpu.level");
        if (asked == null) {
            return of(machineLevel());
        }
        for (CpuLevel level : CpuLevel.values()) {
            if (level.toString().equals(asked)) {
                return of(level);
            }
        }
        throw new BackendException(
                String.format(Locale.ROOT, "cloze.cpu.level must be baseline, avx2 or avx512, but it is '%s'", asked));
    }

    static CpuLevel machineLevel() {
        NativeLibrary baseline;
        synchronized (NativeLibrary.class) {
            baseline = LOADED.computeIfAbsent(CpuLevel.BASELINE, NativeLibrary::new);
        }
        return switch ((int) baseline.callLong("cpu_level")) {
            case 2 -> CpuLevel.AVX512;
            case 1 -> CpuLevel.AVX2;
            default -> CpuLevel.BASELINE;
        };
    }

    private static Path locate(CpuLevel level) {
        String folder = System.getProperty("cloze.cpu.libraries");
        if (folder != null) {
            Path file = Path.of(folder, level.fileName());
            if (!Files.exists(file)) {
                throw new BackendException(file + " is missing: build it with build-scripts/native");
            }
            return file;
        }
        try (InputStream resource = NativeLibrary.class.getResourceAsStream("native/" + level.fileName())) {
            if (resource == null) {
                throw new BackendException(String.format(
                        Locale.ROOT,
                        "this build of cloze-cpu has no %s for %s: build it with build-scripts/native",
                        level.fileName(),
                        System.getProperty("os.arch")));
            }
            return UnpackedLibrary.of(level.fileName(), resource.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    CpuLevel level() {
        return level;
    }

    Path file() {
        return file;
    }

    @Nullable
    MemorySegment find(String symbol) {
        return symbols.find(symbol).orElse(null);
    }

    MethodHandle bind(String symbol, @Nullable MemoryLayout result, MemoryLayout... parameters) {
        MemorySegment address = find(symbol);
        if (address == null) {
            throw new BackendException(
                    String.format(Locale.ROOT, "%s has no %s: build it again with build-scripts/native", file, symbol));
        }
        var descriptor =
                result == null ? FunctionDescriptor.ofVoid(parameters) : FunctionDescriptor.of(result, parameters);
        return Linker.nativeLinker().downcallHandle(address, descriptor);
    }

    /** The exception for a failure that a function returned. */
    RuntimeException failure(long number) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(256);
            long kind = (long) bind(
                            "failure_describe",
                            ValueLayout.JAVA_LONG,
                            ValueLayout.JAVA_LONG,
                            ValueLayout.ADDRESS,
                            ValueLayout.JAVA_LONG)
                    .invokeExact(number, text, text.byteSize());
            String message = text.getString(0);
            return switch ((int) kind) {
                case 1 -> new IndexOutOfBoundsException(message);
                case 2 -> new IllegalArgumentException(message);
                case 3 -> new OutOfMemoryException(message);
                default -> new BackendException(String.format(Locale.ROOT, "%s: %s", file, message));
            };
        } catch (Throwable e) {
            throw new IllegalStateException("failure_describe", e);
        }
    }

    private long require(long result) {
        if (result <= FIRST_FAILURE) {
            throw failure(result);
        }
        return result;
    }

    private long callLong(String symbol) {
        try {
            return (long) bind(symbol, ValueLayout.JAVA_LONG).invokeExact();
        } catch (Throwable e) {
            throw new IllegalStateException(symbol, e);
        }
    }

    /** Calls a function with one pointer that returns an integer. */
    long call(String symbol, MemorySegment text) {
        long result;
        try {
            result = (long)
                    bind(symbol, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS).invokeExact(text);
        } catch (Throwable e) {
            throw new IllegalStateException(symbol, e);
        }
        return require(result);
    }

    /** Calls a function that fills a buffer and returns an integer. */
    long call(String symbol, MemorySegment buffer, long capacity) {
        long result;
        try {
            result = (long) bind(symbol, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG)
                    .invokeExact(buffer, capacity);
        } catch (Throwable e) {
            throw new IllegalStateException(symbol, e);
        }
        return require(result);
    }

    void tune(boolean on) {
        try {
            bind("products_tune", null, ValueLayout.JAVA_LONG).invokeExact(on ? 1L : 0L);
        } catch (Throwable e) {
            throw new IllegalStateException("products_tune", e);
        }
    }

    /** @throws IllegalArgumentException if the system does not start so many; the number from before is kept */
    void setThreads(int threads) {
        long result;
        try {
            result = (long) bind("threads_set", ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG)
                    .invokeExact((long) threads);
        } catch (Throwable e) {
            throw new IllegalStateException("threads_set", e);
        }
        require(result);
    }

    long threads() {
        return callLong("threads_get");
    }

    String describeCpu() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(1024);
            call("cpu_describe", text, text.byteSize());
            return text.getString(0).strip().replace('\n', ' ');
        }
    }

    @Override
    public long map(long bytes) {
        try {
            return (long) map.invokeExact(bytes);
        } catch (Throwable e) {
            throw new IllegalStateException("memory_map", e);
        }
    }

    @Override
    public void unmap(long address, long bytes) {
        try {
            unmap.invokeExact(address, bytes);
        } catch (Throwable e) {
            throw new IllegalStateException("memory_unmap", e);
        }
    }

    @Override
    public MemorySegment view(long address, long bytes, Arena lifetime) {
        return MemorySegment.ofAddress(address).reinterpret(bytes, lifetime, null);
    }
}
