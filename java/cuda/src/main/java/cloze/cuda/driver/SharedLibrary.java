package cloze.cuda.driver;

import cloze.backend.BackendException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A shared library, which stays loaded, and its functions. */
@SuppressWarnings("restricted") // this class exists to call foreign functions
public final class SharedLibrary {
    private final String name;
    private final SymbolLookup symbols;

    private SharedLibrary(String name, SymbolLookup symbols) {
        this.name = name;
        this.symbols = symbols;
    }

    /**
     * @param name a name for the loader, or a path
     * @throws IllegalArgumentException if it can not be loaded
     */
    static SharedLibrary open(String name) {
        return new SharedLibrary(name, SymbolLookup.libraryLookup(name, Arena.global()));
    }

    /** Loads a library, so that others find it by its soname. */
    static void preload(Path file) {
        System.load(file.toAbsolutePath().toString());
    }

    /**
     * The file that the loader finds for a name, or null. The library does not stay loaded.
     *
     * @param symbol a function of the library
     */
    public static @Nullable Path locate(String name, String symbol) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address =
                    SymbolLookup.libraryLookup(name, arena).find(symbol).orElse(null);
            return address == null ? null : mapped(address.address());
        } catch (IllegalArgumentException | IOException _) {
            return null; // not there, or for another machine
        }
    }

    /** The file that is mapped at an address. A line of maps begins with first-last and ends with a path. */
    private static @Nullable Path mapped(long address) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
            String[] range = line.substring(0, line.indexOf(' ')).split("-", 2);
            if (Long.parseUnsignedLong(range[0], 16) <= address && address < Long.parseUnsignedLong(range[1], 16)) {
                int path = line.indexOf('/');
                return path < 0 ? null : Path.of(line.substring(path));
            }
        }
        return null;
    }

    /** @throws BackendException if the library has no such function */
    public MethodHandle bind(String symbol, FunctionDescriptor descriptor) {
        MemorySegment address = symbols.find(symbol)
                .orElseThrow(() -> new BackendException(String.format(Locale.ROOT, "%s has no %s", name, symbol)));
        return Linker.nativeLinker().downcallHandle(address, descriptor);
    }

    /** The long at an address of the host. */
    public static long longAt(long address) {
        return MemorySegment.ofAddress(address)
                .reinterpret(ValueLayout.JAVA_LONG.byteSize())
                .get(ValueLayout.JAVA_LONG, 0);
    }

    @Override
    public String toString() {
        return name;
    }
}
