package cloze.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.nn.Init;
import cloze.nn.Parameters;
import cloze.nn.Role;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Every parameter moves by the rate of its depth, whatever its neighbours in the flat buffers are. */
class LayerDecayTest {
    private static final double RATE = 0.01;

    private final Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1));
    private final Scope scope = backend.memory().scope("test");

    /** Depths are in the names; two roles run through them side by side, one depth has no vector. */
    private final Parameters parameters = Parameters.build(
                    backend,
                    scope,
                    1,
                    p -> List.of(
                            p.parameter("0.weight", new Shape(3, 5), Role.MATRIX, Init.normal(0.3)),
                            p.parameter("0.bias", new Shape(5), Role.VECTOR, Init.normal(0.3)),
                            p.parameter("1.weight", new Shape(17, 3), Role.MATRIX, Init.normal(0.3)),
                            p.parameter("1.other", new Shape(2, 2), Role.MATRIX, Init.normal(0.3)),
                            p.parameter("2.weight", new Shape(4, 4), Role.MATRIX, Init.normal(0.3)),
                            p.parameter("2.bias", new Shape(33), Role.VECTOR, Init.normal(0.3)),
                            p.parameter("3.head", new Shape(2, 9), Role.TABLE, Init.normal(0.3))))
            .parameters();

    @AfterEach
    void close() {
        scope.close();
        backend.close();
    }

    private static int depth(String name) {
        return name.charAt(0) - '0';
    }

    private AdamW.Config adamW(double decay) {
        return new AdamW.Config(RATE, 0.9, 0.999, 1e-8, decay, true);
    }

    private double[] step(double weightDecay, double layerDecay, Tensor parameter) {
        float[] before = backend.floats(parameter);
        for (Tensor each : parameters.tensors()) {
            float[] ones = new float[(int) each.shape().size()];
            Arrays.fill(ones, 1);
            backend.set(parameters.gradient(each), ones);
        }
        new LayerDecay(adamW(weightDecay), layerDecay, 4, LayerDecayTest::depth)
                .create(backend, scope, parameters)
                .step(0.5, 1);
        float[] after = backend.floats(parameter);
        double[] moved = new double[before.length];
        for (int i = 0; i < moved.length; i++) {
            moved[i] = before[i] - after[i];
        }
        return moved;
    }

    @Test
    void the_first_step_is_as_long_as_the_rate_of_each_depth() {
        for (Tensor parameter : parameters.tensors()) {
            double expected = RATE * 0.5 * Math.pow(0.7, 3 - depth(parameter.name()));
            assertThat(step(0, 0.7, parameter)).as(parameter.name()).satisfies(all -> {
                for (double each : all) {
                    assertThat(each).isEqualTo(expected, within(1e-7));
                }
            });
        }
    }

    @Test
    void decay_of_weights_falls_with_the_rate_and_leaves_vectors_alone() {
        for (Tensor parameter : parameters.tensors()) {
            float[] before = backend.floats(parameter);
            double rate = RATE * 0.5 * Math.pow(0.7, 3 - depth(parameter.name()));
            double[] moved = step(0.3, 0.7, parameter);
            double decay = parameter.shape().rank() > 1 ? 0.3 : 0;
            for (int i = 0; i < moved.length; i++) {
                assertThat(moved[i]).as(parameter.name()).isEqualTo(rate * (1 + decay * before[i]), within(1e-6));
            }
        }
    }

    @Test
    void without_decay_it_is_adam_w_to_the_bit_and_its_state_has_the_same_names() {
        AdamW plain = adamW(0.3).create(backend, scope, parameters);
        AdamW layered = new LayerDecay(adamW(0.3), 1, 4, LayerDecayTest::depth).create(backend, scope, parameters);
        assertThat(layered.state().keySet()).isEqualTo(plain.state().keySet());
        float[] start = backend.floats(parameters.weights());
        float[] gradients = new float[start.length];
        for (int i = 0; i < gradients.length; i++) {
            gradients[i] = (float) Math.sin(i);
        }
        backend.set(parameters.gradients(), gradients);
        plain.step(1, 1);
        float[] expected = backend.floats(parameters.weights());
        backend.set(parameters.weights(), start);
        layered.step(1, 1);
        assertThat(backend.floats(parameters.weights())).isEqualTo(expected);
    }

    @Test
    void rejects_a_decay_that_would_stop_or_reverse_a_layer() {
        for (double decay : new double[] {0, -0.5, 1.5, Double.NaN}) {
            assertThatThrownBy(() -> new LayerDecay(adamW(0), decay, 4, LayerDecayTest::depth))
                    .hasMessage("LayerDecay: decay must be in (0, 1], but it is " + decay);
        }
    }
}
