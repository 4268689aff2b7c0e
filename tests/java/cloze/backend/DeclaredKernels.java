package cloze.backend;

import cloze.op.Op;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** The kernels that the compiled classes of the core declare, whoever owns them: a list that nobody has to keep. */
public final class DeclaredKernels {
    private DeclaredKernels() {}

    /** Nested interfaces whose one abstract method is {@code void call}, with a tensor among its parameters. */
    public static List<Class<?>> all() {
        return nested().stream().filter(DeclaredKernels::isKernel).toList();
    }

    /** The label of a kernel in messages: "LayerNorm.Forward", as {@link WatchedBackend} has it. */
    public static String label(Class<?> kernel) {
        return kernel.getEnclosingClass().getSimpleName() + "." + kernel.getSimpleName();
    }

    private static boolean isKernel(Class<?> type) {
        List<Method> methods = Arrays.stream(type.getMethods())
                .filter(method -> Modifier.isAbstract(method.getModifiers()))
                .toList();
        return type.isInterface()
                && methods.size() == 1
                && methods.getFirst().getName().equals("call")
                && methods.getFirst().getReturnType() == void.class
                && List.of(methods.getFirst().getParameterTypes()).contains(Tensor.class);
    }

    private static List<Class<?>> nested() {
        try {
            Path root = Path.of(
                    Op.class.getProtectionDomain().getCodeSource().getLocation().toURI());
            if (Files.isDirectory(root)) {
                return nested(root);
            }
            try (FileSystem jar = FileSystems.newFileSystem(root)) {
                return nested(jar.getPath("/"));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static List<Class<?>> nested(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root.resolve("cloze"))) {
            return files.map(file -> root.relativize(file).toString())
                    .filter(name -> name.matches(".*\\$[A-Z]\\w*\\.class"))
                    .sorted()
                    .<Class<?>>map(DeclaredKernels::load)
                    .toList();
        }
    }

    private static Class<?> load(String file) {
        try {
            String name = file.replace(".class", "").replace('/', '.');
            return Class.forName(name, false, Op.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new AssertionError(e);
        }
    }
}
