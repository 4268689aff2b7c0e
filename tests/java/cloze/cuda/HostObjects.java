package cloze.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The kernels of one op, compiled over the emulation from sources of which one may be changed. What does not read the
 * changed file is compiled once.
 */
final class HostObjects {
    /** A change of one file: {@code from}, which it holds once, becomes {@code to}. */
    record Change(String file, String from, String to) {}

    static final Path CUDA = Path.of("").toAbsolutePath().resolveSibling("cuda");
    private static final List<String> FOLDERS = List.of("include/cloze", "src", "host");
    private static final List<String> ALWAYS = List.of("host/fibers.cpp", "host/hopper.cpp", "src/gradients.cu");

    private final Path asTheyAre;
    private final Map<String, Path> objects = new HashMap<>();

    /** @param folder for the sources as they are, and what is compiled from them */
    HostObjects(Path folder) throws IOException {
        asTheyAre = folder;
        copy(folder);
    }

    /** Sources as they are. */
    Path library(String op) throws IOException, InterruptedException {
        List<Path> all = new ArrayList<>();
        for (String source : sources(op)) {
            all.add(object(source));
        }
        return link(asTheyAre.resolve(op + ".so"), all);
    }

    /** @param folder an empty one for what changes */
    Path library(String op, Change change, Path folder) throws IOException, InterruptedException {
        copy(folder);
        Path file = folder.resolve(change.file());
        String text = Files.readString(file);
        assertThat(text).as(change.file()).containsOnlyOnce(change.from());
        Files.writeString(file, text.replace(change.from(), change.to()));
        List<Path> all = new ArrayList<>();
        for (String source : sources(op)) {
            Path usual = object(source);
            all.add(reads(usual, change.file()) ? compile(folder, source) : usual);
        }
        return link(folder.resolve(op + ".so"), all);
    }

    /** The kernels that a test needs, and those that add gradients. */
    private static Set<String> sources(String op) {
        Set<String> sources = new TreeSet<>(ALWAYS);
        String any = op.replaceAll("_(hopper|mma)$", "");
        sources.add(String.format(Locale.ROOT, "src/%s.cu", any));
        if (!any.equals(op)) { // for bf16 alone, and what does not fit goes to the other ones
            for (String narrow : List.of(any, op, op + "_backward", "attention_mma", "attention_mma_backward")) {
                sources.add(String.format(Locale.ROOT, "src/%s.cu in bf16", narrow));
            }
        }
        return sources;
    }

    /** The name of an op's sources, which are there beside cuDNN too. */
    static String op(String test) {
        return test.replaceAll("(Cudnn)?Test$", "")
                .replaceAll("(?<=[a-z])(?=[A-Z])", "_")
                .toLowerCase(Locale.ROOT);
    }

    private Path object(String source) throws IOException, InterruptedException {
        Path object = objects.get(source);
        if (object == null) {
            object = compile(asTheyAre, source);
            objects.put(source, object);
        }
        return object;
    }

    /** As the compiler wrote down. */
    private static boolean reads(Path object, String file) throws IOException {
        return Files.readString(Path.of(object + ".d")).contains("/" + file);
    }

    private static Path compile(Path folder, String source) throws IOException, InterruptedException {
        boolean narrow = source.endsWith(" in bf16");
        String file = source.replace(" in bf16", "");
        Path object = folder.resolve(source.replaceAll("\\W", "_") + ".o");
        List<String> command = new ArrayList<>(
                List.of("-std=c++20", "-O1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=fast", "-MMD", "-c"));
        if (narrow) {
            command.add("-DCLOZE_BF16");
        }
        command.addAll(List.of(
                "-MF",
                object + ".d",
                "-I" + folder.resolve("include"),
                "-I" + folder.resolve("host"),
                "-o",
                object + ""));
        command.addAll(List.of("-x", "c++", folder.resolve(file).toString()));
        return compiler(command, object);
    }

    private static Path link(Path library, List<Path> objects) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("-shared", "-o", library.toString()));
        objects.forEach(object -> command.add(object.toString()));
        return compiler(command, library);
    }

    private static Path compiler(List<String> options, Path result) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(System.getenv().getOrDefault("CXX", "c++")));
        command.addAll(options);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return result;
    }

    private static void copy(Path to) throws IOException {
        for (String folder : FOLDERS) {
            Files.createDirectories(to.resolve(folder));
            try (Stream<Path> files = Files.list(CUDA.resolve(folder))) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    Files.copy(file, to.resolve(folder).resolve(file.getFileName()));
                }
            }
        }
    }
}
