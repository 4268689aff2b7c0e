package cloze.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code build-scripts/cuda} in a project of one source, with a compiler that says what the test wants. */
class CudaScriptTest {
    private static final Path SCRIPTS = Path.of("").toAbsolutePath().resolveSibling("build-scripts");
    private static final String GOOD = """
        ptxas info    : Compiling entry function 'there' for 'sm_90a'
        ptxas info    : Function properties for there
            0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
        ptxas info    : Used 10 registers, used 0 barriers, 512 bytes smem
        """;

    @TempDir
    Path project;

    private record Ran(int exitCode, String output) {}

    @BeforeEach
    void project() throws IOException {
        for (String script : new String[] {"cuda", "env.sh"}) {
            write("build-scripts/" + script, Files.readString(SCRIPTS.resolve(script)));
        }
        write("cuda/include/cloze/empty.cuh", "");
        write("cuda/src/there.cu", "");
    }

    private Path write(String name, String text) throws IOException {
        Path file = project.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    private Ran build(String ptxas) throws IOException, InterruptedException {
        write("ptxas", ptxas);
        Path nvcc = write("nvcc", """
            #!/usr/bin/env bash
            while [ "$1" != -o ]; do shift; done
            echo image >"$2"
            cat "$(dirname "$0")/ptxas"
            """);
        assertThat(nvcc.toFile().setExecutable(true)).isTrue();
        var builder = new ProcessBuilder("bash", project + "/build-scripts/cuda").redirectErrorStream(true);
        builder.environment().put("NVCC", nvcc.toString());
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("CLOZE_CUDA_ARCHS", "90a");
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ran(process.waitFor(), output);
    }

    @Test
    void what_has_no_source_any_more_is_neither_listed_nor_packed() throws IOException, InterruptedException {
        write("cuda/build/archs", "90a\n");
        Path log = write("cuda/build/gone.log", GOOD.replace("there", "gone"));
        Path image = write("cuda/build/gone_bf16.fatbin", "");
        Path packed = write("java/cuda/target/classes/cloze/cuda/kernels/gone_bf16.fatbin", "");
        assertThat(build(GOOD)).isEqualTo(new Ran(0, "cloze: 2 images of CUDA kernels in cuda/build\n"));
        assertThat(log).doesNotExist();
        assertThat(image).doesNotExist();
        assertThat(packed).doesNotExist();
        assertThat(project.resolve("cuda/build/there_bf16.fatbin")).exists();
        assertThat(project.resolve("cuda/build/manifest.json"))
                .content()
                .contains(
                        "{\"kernel\": \"there\", \"arch\": \"sm_90a\", \"registers\": 10, \"shared\": 512, \"spills\":"
                                + " 0}")
                .doesNotContain("gone");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "    8 bytes stack frame, 8 bytes spill stores, 0 bytes spill loads",
                "ptxas info    : (C7508) Potential Performance Loss: 'setmaxnreg' ignored; unable to determine"
                        + " register count at entry.",
                "ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized due"
                        + " to a reason",
            })
    void what_makes_a_kernel_slow_fails_the_build(String warning) throws IOException, InterruptedException {
        Ran ran = build(warning + "\n" + GOOD + GOOD.replaceFirst("    0 bytes stack.*", warning));
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.output)
                .endsWith("cloze: kernels spill registers, run wgmma one after another, or ignore" + " setmaxnreg\n");
    }
}
