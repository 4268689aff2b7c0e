package cloze.cuda;

import cloze.backend.BackendException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** A shared library that stays loaded, and its functions. */
@SuppressWarnings("restricted") // foreign functions are what this class is for
final class NativeLibrary {
    private final String name;
    private final SymbolLookup symbols;

    private NativeLibrary(String name, SymbolLookup symbols) {
        this.name = name;
        this.symbols = symbols;
    }

    /**
     * @param name a name for the loader, or a path
     * @throws IllegalArgumentException if it can not be loaded
     */
    static NativeLibrary open(String name) {
        return new NativeLibrary(name, SymbolLookup.libraryLookup(name, Arena.global()));
    }

    /** Makes the library what others find by the name that it has inside. */
    static void preload(Path file) {
        System.load(file.toAbsolutePath().toString());
    }

    /** @throws BackendException if the library has no such function */
    MethodHandle bind(String symbol, FunctionDescriptor descriptor) {
        MemorySegment address =
                symbols.find(symbol).orElseThrow(() -> new BackendException("%s has no %s".formatted(name, symbol)));
        return Linker.nativeLinker().downcallHandle(address, descriptor);
    }

    /** What lies at an address of the host. */
    static long longAt(long address) {
        return MemorySegment.ofAddress(address)
                .reinterpret(ValueLayout.JAVA_LONG.byteSize())
                .get(ValueLayout.JAVA_LONG, 0);
    }

    @Override
    public String toString() {
        return name;
    }
}
