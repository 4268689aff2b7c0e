package cloze.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.cli.CommandLines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class BenchTest {
    private static final String PEER = """
            {"by": "Another 1.0", "lines": [
              {"name": "Gelu", "pass": "forward", "shape": "8 x 64", "by": "eager", "seconds": 3600},
              {"name": "Gelu", "pass": "forward", "shape": "8 x 64", "by": "compiled", "seconds": 7200},
              {"name": "Gelu", "pass": "forward", "shape": "9 x 64", "by": "eager", "seconds": 1},
              {"name": "Gelu", "pass": "backward", "shape": "8 x 64", "by": "eager", "failure": "no memory"}]}
            """;

    @TempDir
    Path folder;

    private static JsonNode json(String text) {
        return JsonMapper.builder().build().readTree(text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void prints_a_table_of_kernels(String device) {
        CommandLines.Ran ran =
                CommandLines.run("bench", "kernels", "--shapes", "toy", "--device", device, "--seconds", "0");
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out())
                .startsWith(device + ": ")
                .contains("ceilings: ", "| op | shape | pass | time | rate | of ceiling |")
                .containsPattern(
                        "\\| LayerNorm \\| 8 x 64 \\| backward \\| [0-9.]+ us \\| [0-9.]+ GB/s \\| [0-9]+ % \\|")
                .containsPattern(
                        "\\| Attention \\| B1 H2 T33 K32 causal \\| forward \\| [0-9.]+ us \\| [0-9.]+ GFLOP/s");
    }

    @Test
    void prints_a_table_of_steps() {
        CommandLines.Ran ran = CommandLines.run("bench", "steps", "--shapes", "toy", "--seconds", "0");
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out())
                .containsPattern("\\| gpt-tiny \\| L1 D32 H2 V17 B2 T16 \\| .* tokens/s \\|")
                .containsPattern("\\| mae-tiny \\| I16 P4 L1 D32 H2 l1 d32 h2 B2 \\| .* images/s \\|");
    }

    @Test
    void stands_beside_another_program() throws IOException {
        Path peer = Files.writeString(folder.resolve("peer.json"), PEER);
        Path out = folder.resolve("ours.json");
        CommandLines.Ran ran = CommandLines.run(
                "bench", "kernels", "--shapes=toy", "--only=Gelu", "--seconds=0", "--beside=" + peer, "--out=" + out);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out())
                .contains("beside: Another 1.0; a ratio above 1 means that Cloze is faster")
                .containsPattern(
                        "\\| Gelu \\| 8 x 64 \\| forward \\| .* % \\| 3600000.0 ms eager \\| [0-9]+\\.[0-9]{2} \\|")
                .containsPattern("\\n\\|( \\|){6} 7200000.0 ms compiled \\|")
                .contains("beside, and not measured here: Gelu 9 x 64, forward\n")
                .contains("beside, and not measured here: Gelu 8 x 64, backward: no memory\n");
        JsonNode line = json(Files.readString(out)).path("lines").path(0);
        assertThat(line.path("name").asString()).isEqualTo("Gelu");
        assertThat(line.path("seconds").asDouble()).isPositive();
        assertThat(line.path("bytes").asDouble()).isEqualTo(2 * 4 * 8 * 64.0);
        assertThat(line.path("beside").path(1).path("by").asString()).isEqualTo("compiled");
    }

    @Test
    void prints_json() {
        CommandLines.Ran ran =
                CommandLines.run("bench", "kernels", "--shapes", "toy", "--only", "Rope", "--seconds", "0", "--json");
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        JsonNode json = json(ran.out());
        assertThat(json.path("device").asString()).startsWith("cpu: ");
        assertThat(json.path("ceilings").path("bytes").asDouble()).isPositive();
        assertThat(json.path("lines").size()).isEqualTo(2);
    }

    @Test
    void lists_what_a_gpu_is_measured_at_without_one() {
        CommandLines.Ran ran = CommandLines.run("bench", "kernels", "--shapes", "gpu", "--list");
        assertThat(ran.exitCode()).isZero();
        assertThat(json(ran.out()).path(0).path("shape").asString()).isEqualTo("65536 x 768");
        assertThat(CommandLines.run("bench", "steps", "--shapes", "gpu", "--list")
                        .out())
                .contains("L12 D768 H12 V50257 B16 T1024");
    }

    @Test
    void says_what_is_wrong() throws IOException {
        assertThat(CommandLines.run("bench").err()).contains("bench needs what to measure: kernels or steps");
        assertThat(CommandLines.run("bench", "kernels", "--only", "xyzzy").err())
                .contains("--only fits no kernel; --list shows what there is");
        Path peer = Files.writeString(folder.resolve("peer.json"), "{\"by\": \"x\"}");
        CommandLines.Ran ran =
                CommandLines.run("bench", "kernels", "--shapes=toy", "--only=Rope", "--seconds=0", "--beside=" + peer);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("peer.json: no measurements of another program");
    }
}
