package cloze.cpu;

import cloze.backend.BackendException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * oneDNN as an alternative to our kernels for matrix multiplication: a short measurement at the first use of a shape
 * chooses the faster one. The system property {@code cloze.cpu.onednn} is the path of {@code libdnnl.so.3}, or
 * {@code jar} to load it from {@code org.bytedeco:dnnl} on the class path. Without the property only our kernels are
 * used, and results do not depend on a measurement.
 */
final class OneDnn {
    private static final String PROPERTY = "cloze.cpu.onednn";
    private static final String CHOICES = "cpu.products";
    private static final String FOLDER = "/org/bytedeco/dnnl/linux-x86_64/";

    private final NativeLibrary library;
    private final @Nullable Path oneDnn;

    private OneDnn(NativeLibrary library, @Nullable Path oneDnn) {
        this.library = library;
        this.oneDnn = oneDnn;
    }

    static OneDnn open(NativeLibrary library) {
        String asked = System.getProperty(PROPERTY);
        Path file = asked == null ? null : locate(asked);
        if (file != null) {
            try (Arena arena = Arena.ofConfined()) {
                if (library.call("onednn_open", arena.allocateFrom(file.toString())) != 1) {
                    throw new BackendException(
                            String.format(Locale.ROOT, "%s: oneDNN can not be loaded from %s", PROPERTY, file));
                }
            }
        }
        library.tune(file != null);
        return new OneDnn(library, file);
    }

    private static Path locate(String asked) {
        if (!asked.equals("jar")) {
            Path file = Path.of(asked);
            if (!Files.exists(file)) {
                throw new BackendException(
                        String.format(Locale.ROOT, "%s names %s, which does not exist", PROPERTY, file));
            }
            return file;
        }
        try {
            Path openMp = unpack("libgomp.so.1");
            Path file = unpack("libdnnl.so.3");
            UnpackedLibrary.beside(file, openMp); // the loader searches the same folder
            return file;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path unpack(String name) throws IOException {
        try (InputStream resource = OneDnn.class.getResourceAsStream(FOLDER + name)) {
            if (resource == null) {
                throw new BackendException(String.format(
                        Locale.ROOT,
                        "%s is jar, but org.bytedeco:dnnl (linux-x86_64) is not on the class path",
                        PROPERTY));
            }
            return UnpackedLibrary.of(name, resource.readAllBytes());
        }
    }

    /** The library chosen for each shape so far; empty without oneDNN. */
    Map<String, String> choices() {
        if (oneDnn == null) {
            return Map.of();
        }
        try (Arena arena = Arena.ofConfined()) {
            long bytes = library.call("product_choices_export", MemorySegment.NULL, 0);
            MemorySegment text = arena.allocate(bytes + 1, ValueLayout.JAVA_LONG.byteAlignment());
            library.call("product_choices_export", text, bytes + 1);
            return Map.of(CHOICES, text.getString(0));
        }
    }

    void repeat(Map<String, String> choices) {
        String table = choices.get(CHOICES);
        if (table == null || table.isEmpty()) {
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            long shapes = library.call("product_choices_import", arena.allocateFrom(table));
            if (shapes == -2) {
                throw new BackendException(String.format(
                        Locale.ROOT,
                        "this run uses oneDNN for some matrix multiplications: start Java with -D%s=jar or its path to continue with the same bits",
                        PROPERTY));
            }
            if (shapes < 0) {
                throw new BackendException("the choices for matrix multiplication are damaged: " + table);
            }
        }
    }

    @Override
    public String toString() {
        return oneDnn == null ? "own kernels" : "the faster of own kernels and " + oneDnn;
    }
}
