package cloze.foreign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.checkpoint.StoredTensor;
import cloze.checkpoint.StoredType;
import cloze.foreign.Layout.Values;
import cloze.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GptTwoLayoutTest {
    @TempDir
    Path folder;

    private static Path golden() throws URISyntaxException {
        var found = GptTwoLayoutTest.class.getResource("/golden/gpt2-tiny");
        assertThat(found).isNotNull();
        return Path.of(found.toURI());
    }

    /** Parameters of zeros, as a model of this configuration has them. */
    private static Map<String, Values> parameters(GptTwoConfig config) {
        int d = config.width();
        Map<String, Values> all = new LinkedHashMap<>();
        put(all, "wte.weight", config.vocabulary(), d);
        put(all, "wpe.weight", config.positions(), d);
        for (int layer = 0; layer < config.layers(); layer++) {
            String h = "h." + layer + ".";
            put(all, h + "ln_1.weight", d);
            put(all, h + "ln_1.bias", d);
            put(all, h + "attn.c_attn.weight", 3 * d, d);
            put(all, h + "attn.c_attn.bias", 3 * d);
            put(all, h + "attn.c_proj.weight", d, d);
            put(all, h + "attn.c_proj.bias", d);
            put(all, h + "ln_2.weight", d);
            put(all, h + "ln_2.bias", d);
            put(all, h + "mlp.c_fc.weight", 4 * d, d);
            put(all, h + "mlp.c_fc.bias", 4 * d);
            put(all, h + "mlp.c_proj.weight", d, 4 * d);
            put(all, h + "mlp.c_proj.bias", d);
        }
        put(all, "ln_f.weight", d);
        put(all, "ln_f.bias", d);
        return all;
    }

    private static void put(Map<String, Values> all, String name, int... extents) {
        var shape = new Shape(extents);
        all.put(name, new Values(shape, MemorySegment.ofArray(new float[Math.toIntExact(shape.size())])));
    }

    private static Map<String, Values> goldenParameters() throws Exception {
        Map<String, Values> parameters = parameters(GptTwoConfig.read(golden()));
        try (var file = Safetensors.open(golden())) {
            GptTwoLayout.of(2).read(file, parameters);
        }
        return parameters;
    }

    @Test
    void an_independent_models_file_gives_its_logits() throws Exception {
        GptTwoConfig config = GptTwoConfig.read(golden());
        var model = new NaiveGptTwo(config, goldenParameters());
        try (var expected = Safetensors.open(golden().resolve("expected.safetensors"))) {
            int[] ids = expected.segment("ids").toArray(ValueLayout.JAVA_INT_UNALIGNED);
            double[] logits = expected.segment("logits").toArray(ValueLayout.JAVA_DOUBLE_UNALIGNED);
            int tokens = expected.tensor("ids").shape().extent(1);
            for (int row = 0; row < expected.tensor("ids").shape().extent(0); row++) {
                double[] actual = model.logits(Arrays.copyOfRange(ids, row * tokens, (row + 1) * tokens));
                for (int i = 0; i < actual.length; i++) {
                    assertThat(actual[i]).isCloseTo(logits[row * actual.length + i], within(1e-9));
                }
            }
        }
    }

    @Test
    void an_export_loads_back_bit_for_bit_whole_or_in_shards() throws Exception {
        Map<String, Values> parameters = goldenParameters();
        for (long shardBytes : new long[] {1L << 40, 30_000}) {
            var writer = new SafetensorsWriter().metadata("format", "pt");
            GptTwoLayout.of(2).write(parameters, writer);
            writer.writeFolder(folder, shardBytes);
            Map<String, Values> back = parameters(GptTwoConfig.read(golden()));
            try (var file = Safetensors.open(folder)) {
                assertThat(file.tensors()).containsKey("transformer.h.1.mlp.c_fc.weight");
                assertThat(file.tensor("transformer.h.1.mlp.c_fc.weight").shape())
                        .isEqualTo(new Shape(32, 128));
                GptTwoLayout.of(2).read(file, back);
            }
            parameters.forEach(
                    (name, values) -> assertThat(back.get(name).floats().mismatch(values.floats()))
                            .as(name)
                            .isEqualTo(-1));
        }
    }

    @Test
    void an_export_has_the_bytes_of_the_independent_file() throws Exception {
        var writer = new SafetensorsWriter();
        GptTwoLayout.of(2).write(goldenParameters(), writer);
        writer.writeFolder(folder, Long.MAX_VALUE);
        try (var ours = Safetensors.open(folder);
                var theirs = Safetensors.open(golden())) {
            for (String name : theirs.tensors().keySet()) {
                if (!name.endsWith("attn.bias")) {
                    var bytes = ours.segment("transformer." + name);
                    assertThat(bytes.mismatch(theirs.segment(name))).as(name).isEqualTo(-1);
                }
            }
        }
    }

    /** The golden file with its tensors renamed or replaced. */
    private Path changed(Map<String, StoredTensor> replaced, String... dropped) throws Exception {
        Path file = folder.resolve("changed.safetensors");
        try (var theirs = Safetensors.open(golden())) {
            var writer = new SafetensorsWriter();
            for (StoredTensor tensor : theirs.tensors().values()) {
                if (!List.of(dropped).contains(tensor.name()) && !replaced.containsKey(tensor.name())) {
                    writer.add(tensor.name(), tensor.type(), tensor.shape(), theirs.segment(tensor.name()));
                }
            }
            replaced.forEach((name, tensor) -> writer.add(
                    name, tensor.type(), tensor.shape(), MemorySegment.ofArray(new byte[(int) tensor.bytes()])));
            writer.write(file);
        }
        return file;
    }

    @Test
    void all_that_does_not_fit_is_said_at_once_and_nothing_is_written() throws Exception {
        Path file = changed(
                Map.of(
                        "h.0.attn.c_attn.weight",
                        new StoredTensor("", StoredType.F32, new Shape(96, 32), 0, 96 * 32 * 4),
                        "h.7.ln_1.weight",
                        new StoredTensor("", StoredType.F32, new Shape(32), 0, 128),
                        "ln_f.bias",
                        new StoredTensor("", StoredType.I32, new Shape(32), 0, 128)),
                "h.1.ln_2.bias");
        Map<String, Values> parameters = parameters(GptTwoConfig.read(golden()));
        try (var read = Safetensors.open(file)) {
            assertThatThrownBy(() -> GptTwoLayout.of(2).read(read, parameters))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessage(file + ": shape of h.0.attn.c_attn.weight must be [32, 96], but is [96, 32]; "
                            + "missing h.1.ln_2.bias; "
                            + "dtype of ln_f.bias must be F32, F16, BF16 or F64, but is I32; "
                            + "unexpected h.7.ln_1.weight");
        }
        parameters.forEach((name, values) -> {
            for (long i = 0; i < values.floats().byteSize(); i++) {
                assertThat(values.floats().get(ValueLayout.JAVA_BYTE, i)).isZero();
            }
        });
    }

    @Test
    void a_tied_head_may_be_there_if_it_is_tied() throws Exception {
        Map<String, Values> parameters = parameters(GptTwoConfig.read(golden()));
        var head = new StoredTensor("", StoredType.F32, new Shape(101, 32), 0, 101 * 32 * 4);
        Path untied = changed(Map.of("lm_head.weight", head));
        try (var read = Safetensors.open(untied)) {
            assertThatThrownBy(() -> GptTwoLayout.of(2).read(read, parameters))
                    .hasMessage(untied + ": lm_head.weight must equal wte.weight, to which it is tied, but differs");
        }
        Path tied = changed(Map.of("lm_head.weight", head, "wte.weight", head));
        try (var read = Safetensors.open(tied)) {
            GptTwoLayout.of(2).read(read, parameters);
        }
    }

    @Test
    void a_parameter_without_a_place_in_the_file_is_a_programming_error() throws Exception {
        Map<String, Values> parameters = parameters(GptTwoConfig.read(golden()));
        put(parameters, "h.0.attn.q_norm.weight", 8);
        assertThatThrownBy(() -> GptTwoLayout.of(2).write(parameters, new SafetensorsWriter()))
                .hasMessage("Layout: no place in the file for h.0.attn.q_norm.weight");
    }
}
