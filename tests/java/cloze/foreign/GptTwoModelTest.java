package cloze.foreign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.foreign.Layout.Values;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The model itself, filled from an independent implementation's file. */
class GptTwoModelTest {
    @TempDir
    Path folder;

    private static Path golden() throws Exception {
        return Path.of(Objects.requireNonNull(GptTwoModelTest.class.getResource("/golden/gpt2-tiny"))
                .toURI());
    }

    private static GptConfig config() throws Exception {
        GptTwoConfig c = GptTwoConfig.read(golden());
        var heads = Heads.of(c.heads(), c.width() / c.heads());
        return new GptConfig(c.vocabulary(), c.positions(), c.layers(), c.width(), heads, GptConfig.Style.GPT2, 0);
    }

    private static Map<String, Values> values(Parameters parameters) {
        Map<String, Values> values = new LinkedHashMap<>();
        parameters.tensors().forEach(tensor -> values.put(tensor.name(), Values.of(tensor)));
        return values;
    }

    @Test
    void its_logits_are_those_of_the_independent_implementation() throws Exception {
        GptConfig config = config();
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("model");
                var file = Safetensors.open(golden());
                var expected = Safetensors.open(golden().resolve("expected.safetensors"))) {
            var built = Parameters.build(backend, scope, 1, p -> new Gpt(config, p));
            GptTwoLayout.of(config.layers()).read(file, values(built.parameters()));
            Tensor ids = scope.tensor("ids", expected.tensor("ids").shape(), DType.I32);
            expected.copyTo("ids", ids);
            Tensor logits = built.model().logits(Tape.inference(backend, scope), ids);
            float[] actual = backend.floats(logits);
            double[] golden = expected.segment("logits").toArray(ValueLayout.JAVA_DOUBLE_UNALIGNED);
            assertThat(actual.length).isEqualTo(golden.length);
            for (int i = 0; i < golden.length; i++) {
                assertThat((double) actual[i]).isCloseTo(golden[i], within(1e-4));
            }
        }
    }

    @Test
    void its_export_loads_back_bit_for_bit() throws Exception {
        GptConfig config = config();
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("model")) {
            var first = Parameters.build(backend, scope, 1, p -> new Gpt(config, p));
            var second = Parameters.build(backend, scope, 2, p -> new Gpt(config, p));
            var writer = new SafetensorsWriter().metadata("format", "pt");
            GptTwoLayout.of(config.layers()).write(values(first.parameters()), writer);
            writer.writeFolder(folder, 1L << 40);
            try (var file = Safetensors.open(folder)) {
                GptTwoLayout.of(config.layers()).read(file, values(second.parameters()));
            }
            for (Tensor tensor : first.parameters().tensors()) {
                float[] back = backend.floats(second.parameters().named(tensor.name()));
                assertThat(Arrays.equals(back, backend.floats(tensor)))
                        .as(tensor.name())
                        .isTrue();
            }
        }
    }
}
