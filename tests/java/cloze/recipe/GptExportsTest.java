package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.Safetensors;
import cloze.generate.Sampling;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.serve.LanguageModel;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every small GPT is exported, means the same to others, and loads back. */
class GptExportsTest {
    private static final int[] IDS = {3, 1, 4, 1, 5, 9, 2, 6};
    private static final double EPSILON = 1e-5;
    private static final double THETA = 10_000;

    @TempDir
    Path folder;

    /** A preset's architecture at sizes that loops in double can follow. */
    private static GptConfig small(String preset, int keyValues) {
        GptConfig.Style style = GptConfig.preset(preset).style();
        return new GptConfig(11, 16, 2, 24, new Heads(4, keyValues, 6), style, 0);
    }

    /** The logits [T, V] of a model with large random weights, none of which is left at 0 or 1. */
    private float[] exported(GptConfig config, Path to) throws IOException {
        try (Backend backend = TestRuns.cpu(1);
                Scope scope = backend.memory().scope("model")) {
            Parameters.Built<Gpt> built = Parameters.build(backend, scope, 1, p -> new Gpt(config, p));
            var random = new Random(7);
            for (Tensor parameter : built.parameters().tensors()) {
                float[] values = new float[Math.toIntExact(parameter.shape().size())];
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) (0.5 * random.nextGaussian());
                }
                backend.set(parameter, values);
            }
            built.parameters().refresh();
            Preset<GptConfig> preset = Recipes.GPT.preset().withModel(config);
            SavedModels.save(folder, Recipes.GPT, preset, built.parameters(), backend);
            Models.export(folder, to, "", backend);
            return logits(built.model(), backend, scope);
        }
    }

    private static float[] logits(Gpt model, Backend backend, Scope scope) {
        Tensor ids = backend.set(scope.tensor("ids", new Shape(1, IDS.length), DType.I32), IDS);
        return backend.floats(model.logits(Tape.inference(backend, scope), ids));
    }

    private static float[] read(Path from) throws IOException {
        try (Backend backend = TestRuns.cpu(1);
                Scope scope = backend.memory().scope("model")) {
            return logits((Gpt) Models.language(from, backend, scope).model(), backend, scope);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"nano", "baby", "nanogpt-cpu", "gpt2"})
    void an_export_loads_back_and_generates_the_same(String preset) throws IOException {
        Path to = folder.resolve("exported");
        float[] logits = exported(small(preset, 4), to);
        assertThat(read(to)).containsExactly(logits, within(1e-5f));
        try (LanguageModel ours = LanguageModel.load(folder);
                LanguageModel theirs = LanguageModel.load(to)) {
            assertThat(theirs.generate("abc", Sampling.greedy(8))).isEqualTo(ours.generate("abc", Sampling.greedy(8)));
        }
        Path again = folder.resolve("again");
        try (Backend backend = TestRuns.cpu(1)) {
            Models.export(to, again, "", backend);
            assertThatThrownBy(() -> Models.export(to, to, "", backend)).hasMessageContaining("into itself");
        }
        assertThat(again.resolve("model.safetensors")).hasSameBinaryContentAs(to.resolve("model.safetensors"));
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 2, 1})
    void a_llama_means_what_its_definition_says(int keyValues) throws IOException {
        Path to = folder.resolve("exported");
        float[] logits = exported(small("nano", keyValues), to);
        double[] expected = new NaiveLlama(to).logits(IDS);
        assertThat(logits).hasSize(expected.length);
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) logits[i]).isCloseTo(expected[i], within(1e-4 * (1 + Math.abs(expected[i]))));
        }
    }

    @Test
    void a_model_of_nanogpt_is_a_gpt2_with_the_exact_gelu_and_biases_of_zero() throws IOException {
        Path to = folder.resolve("exported");
        exported(small("baby", 4), to);
        assertThat(ConfigJson.read(to).text("activation_function", "")).isEqualTo("gelu");
        try (Safetensors file = Safetensors.open(to)) {
            assertThat(floats(file, "transformer.h.1.mlp.c_fc.bias"))
                    .containsOnly(0)
                    .hasSize(96);
            assertThat(floats(file, "transformer.ln_f.bias")).containsOnly(0).hasSize(24);
        }
    }

    @Test
    void ends_that_a_config_names_by_id_are_kept() throws IOException {
        Path first = folder.resolve("first");
        exported(small("gpt2", 4), first);
        assertThat(ConfigJson.read(first).has("eos_token_id")).isFalse();
        String config = Files.readString(first.resolve("config.json"));
        Files.writeString(
                first.resolve("config.json"),
                config.replace("\"eos_token_id\" : null", "\"eos_token_id\" : [7, 9]")
                        .replace("\"bos_token_id\" : null", "\"bos_token_id\" : 8"));
        Path second = folder.resolve("second");
        try (Backend backend = TestRuns.cpu(1)) {
            Models.export(first, second, "", backend);
        }
        ConfigJson kept = ConfigJson.read(second);
        assertThat(kept.numbers("eos_token_id")).containsExactly(7.0, 9.0);
        assertThat(kept.whole("bos_token_id")).isEqualTo(8);
    }

    private static float[] floats(Safetensors file, String name) throws IOException {
        float[] values = new float[Math.toIntExact(file.tensor(name).size())];
        file.copyTo(name, MemorySegment.ofArray(values));
        return values;
    }

    /** Llama in loops and double, from its files alone: HF's modeling_llama, with heads of pairs (i, i + K/2). */
    private static final class NaiveLlama {
        private final Path at;
        private final int width;
        private final int heads;
        private final int shared;
        private final int k;
        private final int layers;

        NaiveLlama(Path at) throws IOException {
            this.at = at;
            ConfigJson c = ConfigJson.read(at);
            width = c.whole("hidden_size");
            heads = c.whole("num_attention_heads");
            shared = c.whole("num_key_value_heads");
            k = c.whole("head_dim");
            layers = c.whole("num_hidden_layers");
        }

        private float[] weight(String name) throws IOException {
            try (Safetensors file = Safetensors.open(at)) {
                return floats(file, name + ".weight");
            }
        }

        double[] logits(int[] ids) throws IOException {
            float[] embedding = weight("model.embed_tokens");
            double[][] x = new double[ids.length][width];
            for (int t = 0; t < ids.length; t++) {
                for (int i = 0; i < width; i++) {
                    x[t][i] = embedding[ids[t] * width + i];
                }
            }
            for (int l = 0; l < layers; l++) {
                String at = "model.layers." + l + ".";
                double[][] h = norm(x, at + "input_layernorm");
                double[][] q = rotated(linear(h, at + "self_attn.q_proj"));
                double[][] keys = rotated(linear(h, at + "self_attn.k_proj"));
                double[][] values = linear(h, at + "self_attn.v_proj");
                add(x, linear(attention(q, keys, values), at + "self_attn.o_proj"));
                h = norm(x, at + "post_attention_layernorm");
                double[][] gate = linear(h, at + "mlp.gate_proj");
                double[][] up = linear(h, at + "mlp.up_proj");
                for (int t = 0; t < ids.length; t++) {
                    for (int i = 0; i < up[t].length; i++) {
                        up[t][i] *= gate[t][i] / (1 + Math.exp(-gate[t][i]));
                    }
                }
                add(x, linear(up, at + "mlp.down_proj"));
            }
            double[][] rows = linear(norm(x, "model.norm"), "model.embed_tokens");
            int v = rows[0].length;
            double[] logits = new double[ids.length * v];
            for (int i = 0; i < logits.length; i++) {
                logits[i] = rows[i / v][i % v];
            }
            return logits;
        }

        private static void add(double[][] x, double[][] y) {
            for (int t = 0; t < x.length; t++) {
                for (int i = 0; i < x[t].length; i++) {
                    x[t][i] += y[t][i];
                }
            }
        }

        private double[][] norm(double[][] x, String name) throws IOException {
            float[] weight = weight(name);
            double[][] y = new double[x.length][width];
            for (int t = 0; t < x.length; t++) {
                double square = 0;
                for (double value : x[t]) {
                    square += value * value / width;
                }
                for (int i = 0; i < width; i++) {
                    y[t][i] = weight[i] * x[t][i] / Math.sqrt(square + EPSILON);
                }
            }
            return y;
        }

        private double[][] linear(double[][] x, String name) throws IOException {
            float[] weight = weight(name); // [out, in]
            int in = x[0].length;
            double[][] y = new double[x.length][weight.length / in];
            for (int t = 0; t < x.length; t++) {
                for (int o = 0; o < y[t].length; o++) {
                    for (int i = 0; i < in; i++) {
                        y[t][o] += weight[o * in + i] * x[t][i];
                    }
                }
            }
            return y;
        }

        private double[][] rotated(double[][] x) {
            double[][] y = new double[x.length][x[0].length];
            for (int t = 0; t < x.length; t++) {
                for (int head = 0; head < x[t].length; head += k) {
                    for (int i = 0; i < k / 2; i++) {
                        double angle = t * Math.pow(THETA, -2.0 * i / k);
                        double a = x[t][head + i];
                        double b = x[t][head + i + k / 2];
                        y[t][head + i] = a * Math.cos(angle) - b * Math.sin(angle);
                        y[t][head + i + k / 2] = b * Math.cos(angle) + a * Math.sin(angle);
                    }
                }
            }
            return y;
        }

        private double[][] attention(double[][] q, double[][] keys, double[][] values) {
            double[][] y = new double[q.length][heads * k];
            for (int t = 0; t < q.length; t++) {
                for (int head = 0; head < heads; head++) {
                    int from = head / (heads / shared) * k;
                    double[] p = new double[t + 1];
                    double sum = 0;
                    for (int s = 0; s <= t; s++) {
                        for (int i = 0; i < k; i++) {
                            p[s] += q[t][head * k + i] * keys[s][from + i] / Math.sqrt(k);
                        }
                        p[s] = Math.exp(p[s]);
                        sum += p[s];
                    }
                    for (int s = 0; s <= t; s++) {
                        for (int i = 0; i < k; i++) {
                            y[t][head * k + i] += p[s] / sum * values[s][from + i];
                        }
                    }
                }
            }
            return y;
        }
    }
}
