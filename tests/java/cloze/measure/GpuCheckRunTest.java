package cloze.measure;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.cpu.CpuLevel;
import cloze.op.Device;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What {@code gpu-check quick} runs on hosts of all kinds: in a bundle whose Java writes down how it was called, says as
 * {@code doctor} what the test wants, and passes every test.
 */
class GpuCheckRunTest {
    private static final Path GPU = Path.of("").toAbsolutePath().resolve("bench/gpu");

    /** The lines of {@code contracts} that may depend on the host: all would take long. */
    private static final String SOME = "Lt|Cudnn|Bf16|Tf32|Attention|MatMul";

    private static final String JAVA = """
        #!/usr/bin/env bash
        here=$(dirname "$0")
        echo "VIRTUAL_ENV=$VIRTUAL_ENV $*" >>"$here/calls"
        case "$*" in
        *" doctor") cat "$here/doctor" ;;
        *) echo "ok     ${!#}   1 passed   0 failed   0 not run     0.1 s" ;;
        esac
        """;

    private static final String SANITIZER = """
        #!/usr/bin/env bash
        while [[ $1 == --* ]]; do shift 2; done
        exec "$1" -Dunder.sanitizer=true "${@:2}"
        """;

    @TempDir
    Path bundle;

    private record Ran(int exitCode, String output, String log) {}

    /** A test class as Java was told to run it. */
    private record Call(String devices, String options, String type) {
        private static final Pattern PATTERN = Pattern.compile(
                ".*-Dcloze\\.test\\.devices=(.*) -Dcloze\\.require=cuda (.*) cloze\\.op\\.ContractRun \\d+ (.*)");

        boolean isOn(String device) {
            return Pattern.matches(devices, device);
        }
    }

    @BeforeEach
    void bundle() throws IOException {
        for (String file : List.of("gpu-check", "contracts")) {
            Files.copy(GPU.resolve(file), bundle.resolve(file));
        }
        Files.writeString(bundle.resolve("version"), "test\n");
        Files.writeString(bundle.resolve("archs"), "90a\n");
        Files.writeString(bundle.resolve("glibc"), "2.17\n");
        program("java/bin/java", JAVA);
    }

    private void program(String name, String script) throws IOException {
        Path file = bundle.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, script);
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private void device(String description) throws IOException {
        Files.writeString(
                bundle.resolve("java/bin/doctor"),
                String.format(Locale.ROOT, "backends\n  cuda     cuda: a card, %s\n", description));
    }

    /** @param arguments parts, then options */
    private Ran quick(String... arguments) throws IOException, InterruptedException {
        var command = List.of(String.format(
                        Locale.ROOT, "bash %s/gpu-check quick --tests %s --out %s/results --only", bundle, SOME, bundle)
                .split(" ", -1));
        var builder = new ProcessBuilder(
                        Stream.concat(command.stream(), Stream.of(arguments)).toList())
                .redirectErrorStream(true);
        builder.environment().merge("PATH", bundle + "/programs", (path, ours) -> ours + ":" + path);
        builder.environment().put("PYTHON", bundle + "/programs/python");
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ran(process.waitFor(), output, log());
    }

    private String log() throws IOException {
        Path file = bundle.resolve("results/quick.log");
        return Files.exists(file) ? Files.readString(file) : "";
    }

    private List<Call> calls() throws IOException {
        return Files.readAllLines(bundle.resolve("java/bin/calls")).stream()
                .map(Call.PATTERN::matcher)
                .filter(Matcher::matches)
                .map(call -> new Call(call.group(1), call.group(2), call.group(3)))
                .toList();
    }

    private static boolean have(List<Call> calls, String type) {
        return calls.stream().anyMatch(call -> call.type.equals(type));
    }

    @Test
    void a_class_has_its_share_of_the_minutes() throws IOException, InterruptedException {
        int nine = secondsOfAClass("9");
        assertThat(secondsOfAClass("18")).isBetween(2 * nine - 2, 2 * nine + 2);
        assertThat(secondsOfAClass("5")).isBetween(nine * 5 / 9 - 2, nine * 5 / 9 + 1);
    }

    /** What the first class of contracts may take. */
    private int secondsOfAClass(String minutes) throws IOException, InterruptedException {
        device("matrix multiplication by own kernels, convolutions by own kernels");
        Files.deleteIfExists(bundle.resolve("java/bin/calls"));
        Ran ran = quick("doctor,contracts", "--minutes", minutes);
        assertThat(ran.exitCode()).as(ran.log).isZero();
        Matcher run =
                Pattern.compile("ContractRun (\\d+) ").matcher(Files.readString(bundle.resolve("java/bin/calls")));
        assertThat(run.find()).isTrue();
        return Integer.parseInt(run.group(1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-1", "1.5", "nine", "09"})
    void minutes_are_a_whole_number(String minutes) throws IOException, InterruptedException {
        Ran ran = quick("doctor", "--minutes", minutes);
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.output)
                .startsWith(String.format(
                        Locale.ROOT,
                        "gpu-check: --minutes must be a whole number of minutes from 1 on, but it is '%s'",
                        minutes));
    }

    @ParameterizedTest
    @CsvSource({"true,true", "true,false", "false,true", "false,false"})
    void contracts_run_on_the_gpu_and_on_the_libraries_that_are_there(boolean cublasLt, boolean cudnn)
            throws IOException, InterruptedException {
        device(String.format(
                Locale.ROOT,
                "matrix multiplication by %s (a reason), convolutions by %s (a reason)",
                cublasLt ? "cuBLASLt 13.1.0" : "own kernels",
                cudnn ? "cuDNN 9.8.0" : "own kernels"));
        Ran ran = quick("doctor,contracts");
        assertThat(ran.exitCode()).as(ran.log).isZero();
        List<Call> calls = calls();
        assertThat(calls).hasSizeGreaterThan(5);
        for (Call call : calls) {
            assertThat(call.isOn("cuda")).isTrue();
            assertThat(call.isOn(Device.WITH_CUBLAS_LT)).isEqualTo(cublasLt);
            assertThat(call.isOn(Device.WITH_CUDNN)).isEqualTo(cudnn);
            assertThat(Arrays.stream(CpuLevel.values()).map(level -> "cpu " + level))
                    .noneMatch(call::isOn);
        }
        for (String type : List.of("cloze.op.CublasLtTest", "cloze.op.LstmCublasLtTest")) {
            assertThat(have(calls, type)).as(type).isEqualTo(cublasLt);
        }
        for (String type : List.of("cloze.op.Conv2dCudnnTest", "cloze.op.LstmCudnnTest")) {
            assertThat(have(calls, type)).as(type).isEqualTo(cudnn);
        }
        assertThat(calls).extracting(Call::type).contains("cloze.op.Bf16Test", "cloze.op.Tf32Test");
        says(ran, !cublasLt, "CublasLtTest", "cublasLt");
        says(ran, !cudnn, "Conv2dCudnnTest", "cudnn");
    }

    @Test
    void without_a_gpu_the_same_runs_on_stand_ins_for_all_libraries() throws IOException, InterruptedException {
        device("matrix multiplication by cuBLASLt 13.0.0 (a stand-in), convolutions by cuDNN 9.1.0 (a stand-in)");
        Ran ran = quick("doctor,contracts", "--host");
        assertThat(ran.exitCode()).as(ran.log).isZero();
        assertThat(Files.readString(bundle.resolve("java/bin/calls")).lines().findFirst())
                .hasValueSatisfying(doctor -> assertThat(doctor)
                        .contains("-Dcloze.cuda.cublasLt=" + bundle + "/host/libcublasLt.so.13")
                        .contains("-Dcloze.cuda.cudnn=" + bundle + "/host/libcudnn.so.9"));
        assertThat(calls()).extracting(Call::type).contains("cloze.op.CublasLtTest", "cloze.op.Conv2dCudnnTest");
        for (Call call : calls()) {
            for (String on : List.of("seed 0", "cuBLASLt", "cuDNN")) {
                assertThat(call.isOn("cuda on host, " + on)).as(on).isTrue();
            }
            assertThat(call.isOn("cuda on host, seed 1") || call.isOn("cpu avx2"))
                    .isFalse();
        }
    }

    private static void says(Ran ran, boolean absent, String type, String library) {
        assertThat(ran.output.contains(type)).as(ran.output).isEqualTo(absent);
        for (String line : List.of(
                "absent cloze.op." + type, String.format(Locale.ROOT, "without %s cloze.op.Bf16Test", library))) {
            assertThat(ran.log.contains(line)).as("%s in %s", line, ran.log).isEqualTo(absent);
        }
    }

    @Test
    void compute_sanitizer_sees_small_cases_of_what_copies_ahead() throws IOException, InterruptedException {
        program("programs/compute-sanitizer", SANITIZER);
        device(
                "matrix multiplication by own kernels (a reason), convolutions by own kernels (a reason), attention by wgmma and"
                        + " TMA in bf16");
        Ran ran = quick("doctor,racecheck");
        assertThat(ran.exitCode()).as(ran.log).isZero();
        List<Call> calls = calls();
        assertThat(Files.readString(bundle.resolve("java/bin/calls"))).contains("-Dunder.sanitizer=true");
        assertThat(calls).allMatch(call -> call.options.contains("-Dcloze.test.small=true"));
        assertThat(calls)
                .extracting(Call::type)
                .contains("cloze.op.AttentionHopperTest", "cloze.op.AttentionMmaTest", "cloze.op.MatMulTest");
        assertThat(calls) // on such a card they are taken if they are asked for
                .anyMatch(call -> call.type.equals("cloze.op.AttentionMmaTest")
                        && call.options.contains("-Dcloze.cuda.attention=any"));
    }

    @Test
    void libraries_are_those_of_the_python_that_is_measured() throws IOException, InterruptedException {
        program("programs/python", "#!/usr/bin/env bash\necho /some/where\n");
        device("matrix multiplication by own kernels (a reason), convolutions by own kernels (a reason)");
        quick("doctor");
        assertThat(bundle.resolve("java/bin/calls")).content().startsWith("VIRTUAL_ENV=/some/where ");
    }

    @Test
    void losses_say_what_glibc_the_kernels_of_the_cpu_want() throws IOException, InterruptedException {
        Files.writeString(bundle.resolve("glibc"), "99.1\n");
        device("matrix multiplication by own kernels (a reason), convolutions by own kernels (a reason)");
        Ran ran = quick("doctor,losses");
        assertThat(ran.exitCode()).isZero();
        assertThat(ran.output)
                .containsPattern(
                        "absent +losses .* no model was compared: the CPU kernels want glibc 99\\.1 or newer, and this"
                                + " host has ");
        assertThat(bundle.resolve("java/bin/calls")).content().doesNotContain("StepLossesTest");
    }
}
