package cloze.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.op.HostCuda;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jcuda.JCudaVersion;
import jcuda.LibUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The start of the driver and of JCuda, which happens once in a process: each test starts a process. */
class NewProcessTest {
    private static final String NATIVES = "jcuda-natives";
    private static final String LIBRARY = LibUtils.createPlatformLibraryName("JCudaDriver-" + JCudaVersion.get());

    @TempDir
    Path temporary;

    /** Opens devices, and says of each what it is or why it is not to be had. */
    static final class Opening {
        public static void main(String[] devices) {
            HostCuda.answer("cuDevicePrimaryCtxRetain of 0", 101);
            for (String device : devices) {
                System.out.println(said(device));
            }
            System.out.println("in " + System.getProperty("java.io.tmpdir"));
        }

        private static String said(String device) {
            try (Backend backend = Backends.open(device, BackendOptions.DEFAULT)) {
                return backend.description().lines().findFirst().orElse("");
            } catch (BackendException e) {
                return e.getMessage();
            }
        }
    }

    /** @param entries of the class path that are there */
    private List<String> open(Predicate<String> entries, String... devices) throws IOException, InterruptedException {
        String path = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entries)
                .collect(Collectors.joining(File.pathSeparator));
        var command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        for (String property : List.of("cloze.cuda.driver", "cloze.cuda.kernels")) {
            command.add(String.format(Locale.ROOT, "-D%s=%s", property, System.getProperty(property)));
        }
        command.addAll(List.of(
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "-Dcloze.cuda.matmul=own",
                "-Dcloze.cuda.convolutions=own",
                "-Djava.io.tmpdir=" + Files.createDirectories(temporary.resolve("tmp")),
                "-cp",
                path,
                Opening.class.getName()));
        command.addAll(List.of(devices));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output.lines().toList();
    }

    private void assertNothingIsLeft(List<String> lines) {
        assertThat(lines.getLast()).isEqualTo("in " + temporary.resolve("tmp"));
        assertThat(temporary.resolve("tmp")).isEmptyDirectory();
    }

    @Test
    void a_gpu_that_is_taken_does_not_keep_another_from_being_used() throws IOException, InterruptedException {
        List<String> lines = open(entry -> true, "cuda:1", "cuda:0", "cuda:1");
        assertThat(lines).hasSize(4);
        assertThat(lines.get(0))
                .startsWith("cuda: cuda on host (cuda:1 of 2), ")
                .isEqualTo(lines.get(2));
        assertThat(lines.get(1)).isEqualTo("cuda:0 (cuda on host) can not be used: CUDA_ERROR_INVALID_DEVICE");
        assertNothingIsLeft(lines);
    }

    @Test
    void jcuda_without_its_native_half_is_told_each_time() throws IOException, InterruptedException {
        List<String> lines = open(entry -> !entry.contains(NATIVES), "cuda", "cuda");
        assertThat(lines).hasSize(3);
        assertThat(lines.get(0))
                .startsWith("device 'cuda' can not be used: JCuda can not call the NVIDIA driver, its native half does "
                        + "not load: no " + LIBRARY + " in java.library.path: ")
                .endsWith("; that is in a jar of jcuda-natives on the class path, or in a folder that "
                        + "-Djava.library.path names")
                .isEqualTo(lines.get(1));
        assertNothingIsLeft(lines);
    }

    @Test
    void a_library_that_lies_where_jcuda_unpacks_is_not_loaded() throws IOException, InterruptedException {
        Path planted =
                Files.createDirectories(temporary.resolve("tmp")).resolve(LibUtils.createLibraryFileName(LIBRARY));
        Files.writeString(planted, "not JCuda's");
        List<String> lines = open(entry -> true, "cuda:1");
        assertThat(lines.get(0)).startsWith("cuda: cuda on host (cuda:1 of 2), ");
        assertThat(planted).hasContent("not JCuda's");
        Files.delete(planted);
        assertNothingIsLeft(lines);
    }
}
