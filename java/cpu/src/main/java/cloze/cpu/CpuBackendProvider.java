package cloze.cpu;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.BackendProvider;
import org.jspecify.annotations.Nullable;

/**
 * Provides the CPU backend with the widest instruction set of the machine. The system property {@code cloze.cpu.level}
 * selects another one.
 */
public final class CpuBackendProvider implements BackendProvider {
    /** For {@link java.util.ServiceLoader}. */
    public CpuBackendProvider() {}

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public @Nullable String unavailable() {
        try {
            NativeLibrary.best();
            return null;
        } catch (BackendException e) {
            return e.getMessage();
        }
    }

    @Override
    public Backend open(BackendOptions options) {
        if (options.ordinal() > 0) {
            throw new BackendException("there is one cpu, which is cpu or cpu:0, not cpu:" + options.ordinal());
        }
        return new CpuBackend(NativeLibrary.best(), options);
    }

    /**
     * Opens the backend with the kernels of one instruction set.
     *
     * @throws BackendException if the machine does not support it
     */
    public static Backend open(CpuLevel level, BackendOptions options) {
        return new CpuBackend(NativeLibrary.of(level), options);
    }

    /** The widest instruction set of this machine. */
    public static CpuLevel level() {
        return NativeLibrary.machineLevel();
    }

    @Override
    public String toString() {
        return name();
    }
}
