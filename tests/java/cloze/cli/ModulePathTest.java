package cloze.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The command as it is started: on the module path, with native access for one module and for no other. */
final class ModulePathTest {
    private static final Pattern ONLY_FOR_TESTS =
            Pattern.compile("test-classes|junit|assertj|opentest4j|apiguardian|byte-buddy|djl|jna|surefire|gson");

    @TempDir
    Path temporary;

    private record Ran(int exitCode, String text) {}

    private Ran run(String... args) throws IOException, InterruptedException {
        Process process = start(args);
        int exitCode = process.waitFor();
        return new Ran(exitCode, output());
    }

    private String output() throws IOException {
        return Files.readString(temporary.resolve("output"), StandardCharsets.UTF_8);
    }

    private Process start(String... args) throws IOException {
        String path = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !ONLY_FOR_TESTS.matcher(entry).find())
                .collect(Collectors.joining(File.pathSeparator));
        // A shell that ran the tests in the background had them ignore control-C, which processes inherit.
        var command = new ArrayList<>(List.of(
                "env",
                "--default-signal=INT",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--illegal-native-access=deny",
                "--enable-native-access=cloze.cpu,cloze.cuda,jcuda,jcudnn",
                "-p",
                path,
                "-m",
                "cloze.cli/cloze.cli.Cloze"));
        command.addAll(List.of(args));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(temporary.resolve("output").toFile())
                .start();
    }

    @Test
    void doctor_finds_a_working_device_and_the_libraries() throws IOException, InterruptedException {
        Ran ran = run("doctor");
        assertThat(ran.text()).contains("cpu: ", "info.picocli", "4.7.7").doesNotContain("WARNING");
        assertThat(ran.exitCode()).isZero();
    }

    @Test
    void trains_plots_and_generates() throws IOException, InterruptedException {
        String folder = temporary.resolve("run").toString();
        Ran trained = run("pretrain", "gpt", "--run", folder, "--steps", "2", "--context", "16", "--batch", "2");
        assertThat(trained.text()).contains("step 2 of 2", "bits a byte").doesNotContain("WARNING");
        assertThat(trained.exitCode()).isZero();
        assertThat(temporary.resolve("run/loss.png")).isNotEmptyFile();
        Ran generated = run("generate", "--run", folder, "--prompt", "Call me", "--tokens", "8");
        assertThat(generated.text()).startsWith("Call me");
        assertThat(generated.exitCode()).isZero();
    }

    @Test
    void wrong_usage_exits_with_2() throws IOException, InterruptedException {
        assertThat(run("pretrain", "gpt", "--stps", "4").exitCode()).isEqualTo(2);
    }

    @Test
    @Timeout(120)
    void control_c_saves_a_checkpoint_and_exits_with_130() throws IOException, InterruptedException {
        Path folder = temporary.resolve("run");
        Process process = start("pretrain", "gpt", "--run", folder.toString(), "--steps", "100000", "--context", "16");
        try {
            while (process.isAlive() && !output().contains("step 1 of")) {
                Thread.sleep(20);
            }
            new ProcessBuilder("kill", "-INT", String.valueOf(process.pid()))
                    .start()
                    .waitFor();
            assertThat(process.waitFor()).isEqualTo(130);
        } finally {
            process.destroyForcibly();
        }
        assertThat(output()).contains("saved", "--resume goes on from here");
        assertThat(folder.resolve("model.safetensors")).isNotEmptyFile();
    }
}
