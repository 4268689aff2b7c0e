package cloze.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.nn.KeyValueCache;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class GptTest {
    private final Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
    private final Scope scope = backend.memory().scope("test");

    @AfterEach
    void close() {
        scope.close();
        backend.close();
    }

    private Parameters.Built<Gpt> build(GptConfig config) {
        return Parameters.build(backend, scope, 7, p -> new Gpt(config, p));
    }

    private Tensor ids(Scope owner, int v, int b, int t, long seed) {
        int[] ids = new SplittableRandom(seed).ints((long) b * t, 0, v).toArray();
        return backend.set(owner.tensor("ids", new Shape(b, t), DType.I32), ids);
    }

    static List<GptConfig> small() {
        return List.of(
                new GptConfig(11, 24, 2, 16, Heads.of(2, 8), GptConfig.Style.GPT2, 0),
                new GptConfig(11, 24, 2, 16, Heads.of(2, 8), GptConfig.Style.NANOGPT, 0),
                new GptConfig(11, 24, 2, 16, Heads.of(2, 8), GptConfig.Style.MODERN, 0),
                new GptConfig(11, 24, 2, 16, new Heads(4, 2, 6), GptConfig.Style.MODERN, 0),
                new GptConfig(11, 24, 3, 20, new Heads(3, 1, 8), GptConfig.Style.GPT2, 0));
    }

    @ParameterizedTest
    @ValueSource(strings = {"nano", "baby", "nanogpt-cpu"})
    void begins_with_a_loss_of_ln_v(String preset) {
        GptConfig config = GptConfig.preset(preset).withContext(64);
        Gpt gpt = build(config).model();
        Tape tape = Tape.inference(backend, scope);
        Tensor loss =
                gpt.loss(tape, ids(scope, config.vocabulary(), 4, 64, 1), ids(scope, config.vocabulary(), 4, 64, 2));
        double expected = Math.log(config.vocabulary());
        assertThat((double) backend.scalar(loss)).isCloseTo(expected, within(0.02 * expected));
    }

    @ParameterizedTest
    @MethodSource("small")
    void gradients_of_all_parameters_match_differences(GptConfig config) {
        Parameters.Built<Gpt> built = build(config);
        Parameters parameters = built.parameters();
        // larger weights than at the start, so that no gradient drowns in rounding
        var random = new SplittableRandom(3);
        for (Tensor p : parameters.tensors()) {
            float[] values = backend.floats(p);
            for (int i = 0; i < values.length; i++) {
                values[i] += (float) (0.3 * (random.nextDouble() - 0.5));
            }
            backend.set(p, values);
        }
        Tensor ids = ids(scope, config.vocabulary(), 2, 9, 1);
        Tensor targets = ids(scope, config.vocabulary(), 2, 9, 2);
        try (Scope step = backend.memory().scope("step")) {
            Tape tape = Tape.recording(backend, step, 0, 0);
            tape.backward(built.model().loss(tape, ids, targets), parameters.accumulator());
            parameters.accumulator().complete();
        }
        for (Tensor p : parameters.tensors()) {
            float[] gradient = backend.floats(parameters.gradient(p));
            double[] direction = random.doubles(gradient.length, -1, 1).toArray();
            double slope = 0;
            for (int i = 0; i < gradient.length; i++) {
                slope += gradient[i] * direction[i];
            }
            double h = 2e-3 / Math.sqrt(gradient.length);
            double difference =
                    (lossAt(built, p, direction, h, ids, targets) - lossAt(built, p, direction, -h, ids, targets))
                            / (2 * h);
            assertThat(slope).as(p.name()).isCloseTo(difference, within(0.02 * Math.abs(difference) + 6e-3));
        }
    }

    private double lossAt(
            Parameters.Built<Gpt> built, Tensor p, double[] direction, double h, Tensor ids, Tensor targets) {
        float[] before = backend.floats(p);
        float[] moved = before.clone();
        for (int i = 0; i < moved.length; i++) {
            moved[i] += (float) (h * direction[i]);
        }
        backend.set(p, moved);
        try (Scope step = backend.memory().scope("difference")) {
            float[] losses = backend.floats(built.model()
                    .losses(Tape.inference(backend, step), ids, targets)
                    .get(1));
            double sum = 0;
            for (float loss : losses) {
                sum += loss;
            }
            return sum / losses.length;
        } finally {
            backend.set(p, before);
        }
    }

    @ParameterizedTest
    @MethodSource("small")
    void decoding_with_a_cache_equals_the_full_forward(GptConfig config) {
        Gpt gpt = build(config).model();
        int b = 3;
        int t = config.context();
        Tensor ids = ids(scope, config.vocabulary(), b, t, 5);
        float[] full = backend.floats(gpt.logits(Tape.inference(backend, scope), ids));
        int[] all = backend.ints(ids);
        KeyValueCache cache = gpt.state(backend, scope, b, t);
        int v = config.vocabulary();
        for (int from = 0, count = 5; from < t; from += count, count = from % 3 + 1) {
            count = Math.min(count, t - from);
            int[] part = new int[b * count];
            for (int row = 0; row < b; row++) {
                System.arraycopy(all, row * t + from, part, row * count, count);
            }
            Tensor next = backend.set(scope.tensor("next", new Shape(b, count), DType.I32), part);
            float[] logits = backend.floats(gpt.logits(Tape.inference(backend, scope), next, cache));
            for (int row = 0; row < b; row++) {
                for (int i = 0; i < count * v; i++) {
                    assertThat(logits[row * count * v + i]).isCloseTo(full[(row * t + from) * v + i], within(1e-4f));
                }
            }
            cache.advance(count, count, count);
        }
    }

    @Test
    void rows_of_different_lengths_decode_as_if_alone() {
        GptConfig config = small().get(2);
        Gpt gpt = build(config).model();
        int[][] prompts = {{1, 2, 3, 4, 5, 6, 7}, {8, 9}, {3}};
        int[] padded = new int[3 * 7];
        for (int row = 0; row < 3; row++) {
            System.arraycopy(prompts[row], 0, padded, row * 7, prompts[row].length);
        }
        KeyValueCache cache = gpt.state(backend, scope, 3, 12);
        float[] first = backend.floats(gpt.next(
                Tape.inference(backend, scope),
                backend.set(scope.tensor("ids", new Shape(3, 7), DType.I32), padded),
                backend.set(scope.tensor("ends", new Shape(3, 1), DType.I32), 6, 1, 0),
                cache));
        cache.advance(7, 2, 1);
        float[] second = backend.floats(gpt.logits(
                Tape.inference(backend, scope),
                backend.set(scope.tensor("ids", new Shape(3, 1), DType.I32), 10, 4, 2),
                cache));
        int[] next = {10, 4, 2};
        for (int row = 0; row < 3; row++) {
            int[] alone = java.util.Arrays.copyOf(prompts[row], prompts[row].length + 1);
            alone[prompts[row].length] = next[row];
            float[] expected = backend.floats(gpt.logits(
                    Tape.inference(backend, scope),
                    backend.set(scope.tensor("ids", new Shape(1, alone.length), DType.I32), alone)));
            for (int i = 0; i < 11; i++) {
                assertThat(first[row * 11 + i]).isCloseTo(expected[(alone.length - 2) * 11 + i], within(1e-4f));
                assertThat(second[row * 11 + i]).isCloseTo(expected[(alone.length - 1) * 11 + i], within(1e-4f));
            }
        }
    }

    @Test
    void recomputed_blocks_give_the_same_bits() {
        GptConfig config = small().getFirst().withDropout(0.2f);
        Parameters.Built<Gpt> built = build(config);
        Tensor ids = ids(scope, 11, 2, 24, 1);
        Tensor targets = ids(scope, 11, 2, 24, 2);
        float[] kept = gradients(built, ids, targets);
        built.model().withRecompute(true);
        assertThat(gradients(built, ids, targets)).isEqualTo(kept);
    }

    private float[] gradients(Parameters.Built<Gpt> built, Tensor ids, Tensor targets) {
        built.parameters().accumulator().reset();
        try (Scope step = backend.memory().scope("step")) {
            Tape tape = Tape.recording(backend, step, 1, 3);
            Gradients _ = tape.backward(
                    built.model().loss(tape, ids, targets), built.parameters().accumulator());
        }
        return backend.floats(built.parameters().gradients());
    }
}
