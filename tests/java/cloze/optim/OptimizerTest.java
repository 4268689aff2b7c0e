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
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Every update against three lines in double. */
class OptimizerTest {
    private static final int STEPS = 7;

    private final Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1));
    private final Scope scope = backend.memory().scope("test");
    private final Parameters parameters = Parameters.build(
                    backend,
                    scope,
                    1,
                    p -> List.of(
                            p.parameter("wide", new Shape(3, 5), Role.MATRIX, Init.normal(0.3)),
                            p.parameter("tall", new Shape(7, 4), Role.MATRIX, Init.normal(0.3)),
                            p.parameter("table", new Shape(3, 3), Role.TABLE, Init.normal(0.3)),
                            p.parameter("bias", new Shape(13), Role.VECTOR, Init.normal(0.3))))
            .parameters();

    @AfterEach
    void close() {
        scope.close();
        backend.close();
    }

    private double[] values(Tensor tensor) {
        float[] floats = backend.floats(tensor);
        double[] values = new double[floats.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = floats[i];
        }
        return values;
    }

    private double[] gradient(Tensor parameter, int step) {
        var random = new SplittableRandom(parameter.name().hashCode() * 31L + step);
        float[] g = new float[(int) parameter.shape().size()];
        for (int i = 0; i < g.length; i++) {
            g[i] = (float) (random.nextDouble() * 2 - 1) * (i % 4 == 0 ? 1e-4f : 1);
        }
        backend.set(parameters.gradient(parameter), g);
        return values(parameters.gradient(parameter));
    }

    private void adam(
            double[] w, double[] g, double[] m, double[] v, int t, AdamW.Config c, double rate, double decay) {
        for (int i = 0; i < w.length; i++) {
            m[i] = c.beta1() * m[i] + (1 - c.beta1()) * g[i];
            v[i] = c.beta2() * v[i] + (1 - c.beta2()) * g[i] * g[i];
            double correctedM = c.biasCorrection() ? m[i] / (1 - Math.pow(c.beta1(), t)) : m[i];
            double correctedV = c.biasCorrection() ? v[i] / (1 - Math.pow(c.beta2(), t)) : v[i];
            w[i] -= rate * (correctedM / (Math.sqrt(correctedV) + c.epsilon()) + decay * w[i]);
        }
    }

    private void check(AdamW.Config config, Optimizer optimizer, List<String> names) {
        double[][][] state = new double[names.size()][][];
        for (int p = 0; p < state.length; p++) {
            double[] w = values(parameters.named(names.get(p)));
            state[p] = new double[][] {w, new double[w.length], new double[w.length]};
        }
        for (int t = 1; t <= STEPS; t++) {
            double factor = 1.0 / t;
            for (Tensor parameter : parameters.tensors()) {
                double[] g = gradient(parameter, t);
                int p = names.indexOf(parameter.name());
                if (p >= 0) {
                    for (int i = 0; i < g.length; i++) {
                        g[i] *= 0.25;
                    }
                    double decay = parameter.shape().rank() >= 2 ? config.weightDecay() : 0;
                    double rate = config.learningRate() * factor;
                    adam(state[p][0], g, state[p][1], state[p][2], t, config, rate, decay);
                }
            }
            optimizer.step(factor, 0.25);
        }
        for (int p = 0; p < state.length; p++) {
            assertThat(values(parameters.named(names.get(p))))
                    .as(names.get(p))
                    .containsExactly(state[p][0], within(2e-6));
        }
        assertThat(optimizer.updates()).isEqualTo(STEPS);
    }

    @Test
    void adam_w_is_algorithm_2_of_its_paper() {
        var config = AdamW.Config.gpt3(0.02);
        check(config, config.create(backend, scope, parameters), List.of("wide", "tall", "table", "bias"));
    }

    @Test
    void adam_w_of_bert_has_no_bias_correction() {
        var config = AdamW.Config.bert(0.02);
        assertThat(config.biasCorrection()).isFalse();
        check(config, config.create(backend, scope, parameters), List.of("wide", "tall", "table", "bias"));
    }

    @Test
    void bias_correction_matters() {
        Tensor bias = parameters.named("bias");
        double[] before = values(bias);
        float[] ones = new float[13];
        Arrays.fill(ones, 1);
        backend.set(parameters.gradient(bias), ones);
        AdamW.Config.bert(0.1).create(backend, scope, parameters).step(1, 1);
        // m = 0.1, v = 0.001: 0.1 / sqrt(0.001) = 3.16 instead of 1
        assertThat(before[0] - values(bias)[0]).isEqualTo(0.1 * 0.1 / Math.sqrt(0.001), within(1e-5));
    }

    private static double[][] product(double[][] a, double[][] b) {
        double[][] c = new double[a.length][b[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < b[0].length; j++) {
                for (int k = 0; k < b.length; k++) {
                    c[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return c;
    }

    private static double[][] transposed(double[][] a) {
        double[][] t = new double[a[0].length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                t[j][i] = a[i][j];
            }
        }
        return t;
    }

    private static double[][] orthogonal(double[][] g) {
        double norm = 1e-7;
        double squares = 0;
        for (double[] row : g) {
            for (double value : row) {
                squares += value * value;
            }
        }
        norm += Math.sqrt(squares);
        double[][] x = g.length > g[0].length ? transposed(g) : g;
        for (double[] row : x) {
            for (int j = 0; j < row.length; j++) {
                row[j] /= norm;
            }
        }
        for (int step = 0; step < 5; step++) {
            double[][] a = product(x, transposed(x));
            double[][] aa = product(a, a);
            double[][] ax = product(a, x);
            double[][] aax = product(aa, x);
            for (int i = 0; i < x.length; i++) {
                for (int j = 0; j < x[0].length; j++) {
                    x[i][j] = 3.4445 * x[i][j] - 4.7750 * ax[i][j] + 2.0315 * aax[i][j];
                }
            }
        }
        return g.length > g[0].length ? transposed(x) : x;
    }

    private void checkMuon(String name, Muon.Config config) {
        var optimizer = config.create(backend, scope, parameters);
        Tensor parameter = parameters.named(name);
        int n = parameter.shape().extent(0);
        int m = parameter.shape().extent(1);
        double[] w = values(parameter);
        double[] momentum = new double[n * m];
        for (int t = 1; t <= STEPS; t++) {
            for (Tensor other : parameters.tensors()) {
                gradient(other, t);
            }
            double[] g = gradient(parameter, t);
            double[][] u = new double[n][m];
            for (int i = 0; i < n * m; i++) {
                momentum[i] = config.momentum() * momentum[i] + 0.5 * g[i];
                u[i / m][i % m] = 0.5 * g[i] + config.momentum() * momentum[i];
            }
            u = orthogonal(u);
            double rate = config.learningRate() / t;
            for (int i = 0; i < n * m; i++) {
                double scale = Math.sqrt(Math.max(1, (double) n / m));
                w[i] = w[i] * (1 - rate * config.weightDecay()) - rate * scale * u[i / m][i % m];
            }
            optimizer.step(1.0 / t, 0.5);
        }
        assertThat(values(parameter)).as(name).containsExactly(w, within(2e-5));
    }

    @Test
    void muon_makes_the_update_of_a_matrix_orthogonal() {
        checkMuon("wide", Muon.Config.of(AdamW.Config.gpt3(0.01)));
        checkMuon("tall", Muon.Config.of(AdamW.Config.gpt3(0.01)));
    }

    @Test
    void muon_leaves_tables_and_vectors_to_adam_w() {
        var config = AdamW.Config.gpt3(0.02);
        check(config, Muon.Config.of(config).create(backend, scope, parameters), List.of("table", "bias"));
    }

    @Test
    void moments_are_named_by_parameter() {
        var config = AdamW.Config.gpt3(0.02);
        assertThat(config.create(backend, scope, parameters).state().keySet())
                .containsExactlyInAnyOrder(
                        "adam_w.m/wide",
                        "adam_w.v/wide",
                        "adam_w.m/tall",
                        "adam_w.v/tall",
                        "adam_w.m/table",
                        "adam_w.v/table",
                        "adam_w.m/bias",
                        "adam_w.v/bias");
        var muon = Muon.Config.of(config).create(backend, scope, parameters).state();
        assertThat(muon.keySet())
                .containsExactlyInAnyOrder(
                        "muon.momentum/wide",
                        "muon.momentum/tall",
                        "adam_w.m/table",
                        "adam_w.v/table",
                        "adam_w.m/bias",
                        "adam_w.v/bias");
        muon.forEach((name, tensor) -> assertThat(values(tensor)).as(name).containsOnly(0));
    }

    @Test
    void the_norm_is_that_of_all_gradients() {
        double squares = 0;
        for (Tensor parameter : parameters.tensors()) {
            for (double g : gradient(parameter, 1)) {
                squares += g * g;
            }
        }
        assertThat(GradientNorm.of(backend, parameters.gradients())).isEqualTo(Math.sqrt(squares), within(1e-6));
        assertThat(GradientNorm.clip(4, 1)).isEqualTo(0.25);
        assertThat(GradientNorm.clip(1, 1)).isEqualTo(1);
        assertThat(GradientNorm.clip(4, Double.POSITIVE_INFINITY)).isEqualTo(1);
    }

    @Test
    void the_average_follows_the_weights_and_can_take_their_place() {
        var ema = new Ema(backend, scope, parameters, 0.75);
        Tensor bias = parameters.named("bias");
        float first = backend.floats(bias)[0];
        float[] changed = new float[13];
        changed[0] = first + 1;
        backend.set(bias, changed);
        ema.update();
        ema.during(() -> assertThat(backend.floats(bias)[0]).isEqualTo(first + 0.25f, within(1e-6f)));
        assertThat(backend.floats(bias)).containsExactly(changed);
        assertThatThrownBy(() -> ema.during(() -> {
                    throw new IllegalStateException("evaluation failed");
                }))
                .hasMessage("evaluation failed");
        assertThat(backend.floats(bias)).containsExactly(changed);
    }

    @Test
    void an_empty_role_is_no_work() {
        try (Scope own = backend.memory().scope("vector")) {
            var only = Parameters.build(backend, own, 1, p -> p.parameter("b", new Shape(3), Role.VECTOR, Init.ones()))
                    .parameters();
            backend.set(only.gradient(only.named("b")), 1f, 1f, 1f);
            Muon.Config.of(AdamW.Config.gpt3(0.5)).create(backend, own, only).step(1, 1);
            assertThat(backend.floats(only.named("b"))[0]).isEqualTo(0.5f, within(1e-6f));
            Tensor nothing = own.tensor("nothing", new Shape(0), DType.F32);
            assertThat(GradientNorm.of(backend, nothing)).isZero();
        }
    }

    @Test
    void rejects_numbers_that_are_none() {
        assertThatThrownBy(() -> new AdamW.Config(1e-3, 1, 0.9, 1e-8, 0, true))
                .hasMessage("AdamW: beta1 must be in [0, 1), but is 1.0");
        assertThatThrownBy(() -> AdamW.Config.gpt3(Double.NaN))
                .hasMessage("AdamW: learningRate must be at least 0, but is NaN");
    }
}
