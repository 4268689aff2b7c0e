package cloze.cpu;

import cloze.backend.BackendException;
import cloze.tensor.DeviceMemory;
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
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.EnumMap;
import java.util.HexFormat;
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
            return unpack(level.fileName(), resource.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Unpacks a file into a folder named by its digest, so that versions do not mix; renames the file when it is
     * complete.
     */
    static Path unpack(String name, byte[] content) throws IOException {
        Path folder = cacheFolder().resolve("native").resolve(digest(content));
        Path file = folder.resolve(name);
        if (!Files.exists(file) || Files.size(file) != content.length) {
            Files.createDirectories(folder);
            Path partial = Files.createTempFile(folder, name, ".part");
            Files.write(partial, content);
            Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE);
        }
        return file;
    }

    private static Path cacheFolder() {
        String cache = System.getenv("CLOZE_CACHE");
        return cache == null ? Path.of(System.getProperty("user.home"), ".cache", "cloze") : Path.of(cache);
    }

    private static String digest(byte[] content) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(content);
            return HexFormat.of().formatHex(hash, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK has SHA-256
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

    private long callLong(String symbol) {
        try {
            return (long) bind(symbol, ValueLayout.JAVA_LONG).invokeExact();
        } catch (Throwable e) {
            throw new IllegalStateException(symbol, e);
        }
    }

    /** Calls a function with one pointer that returns an integer. */
    long call(String symbol, MemorySegment text) {
        try {
            return (long)
                    bind(symbol, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS).invokeExact(text);
        } catch (Throwable e) {
            throw new IllegalStateException(symbol, e);
        }
    }

    /** Calls a function that fills a buffer and returns an integer. */
    long call(String symbol, MemorySegment buffer, long capacity) {
        try {
            return (long) bind(symbol, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG)
                    .invokeExact(buffer, capacity);
        } catch (Throwable e) {
            throw new IllegalStateException(symbol, e);
        }
    }

    void tune(boolean on) {
        setNumber("products_tune", on ? 1 : 0);
    }

    void setThreads(int threads) {
        setNumber("threads_set", threads);
    }

    private void setNumber(String symbol, long value) {
        try {
            bind(symbol, null, ValueLayout.JAVA_LONG).invokeExact(value);
        } catch (Throwable e) {
            throw new IllegalStateException(symbol, e);
        }
    }

    long threads() {
        return callLong("threads_get");
    }

    String describeCpu() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(1024);
            bind("cpu_describe", null, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG)
                    .invokeExact(text, 1024L);
            return text.getString(0).strip().replace('\n', ' ');
        } catch (Throwable e) {
            throw new IllegalStateException("cpu_describe", e);
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
    public MemorySegment view(long address, long bytes) {
        return MemorySegment.ofAddress(address).reinterpret(bytes);
    }
}
