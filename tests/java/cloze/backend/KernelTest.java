package cloze.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Gradients;
import cloze.measure.Peak;
import cloze.nn.Init;
import cloze.nn.Parameters;
import cloze.nn.RandomMask;
import cloze.op.Array64;
import cloze.op.BandedTensor;
import cloze.op.Bf16;
import cloze.op.Device;
import cloze.op.GuardedBackend;
import cloze.op.Philox;
import cloze.op.Tolerance;
import cloze.optim.AdamW;
import cloze.optim.Ema;
import cloze.optim.GradientNorm;
import cloze.optim.Muon;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is not an op, on every device: against float64, between guard bands, the same bits twice and for any threads. */
@ParameterizedClass(name = "{0}")
@MethodSource("devices")
class KernelTest {
    @Parameter
    Device device;

    static List<Device> devices() {
        return Device.all();
    }

    /** What the tensors hold after the call; those of null are not written before it. */
    private List<float[]> run(BiConsumer<Backend, List<Tensor>> call, Array64... arrays) {
        List<float[]> first = run(1, call, arrays);
        for (int threads : new int[] {1, 2}) {
            List<float[]> again = run(threads, call, arrays);
            for (int i = 0; i < first.size(); i++) {
                assertThat(again.get(i)).as("tensor %d, %d threads", i, threads).isEqualTo(first.get(i));
            }
        }
        return first;
    }

    private List<float[]> run(int threads, BiConsumer<Backend, List<Tensor>> call, Array64... arrays) {
        try (Backend backend = new GuardedBackend(device.open(threads));
                Scope scope = backend.memory().scope("test")) {
            var tensors = new ArrayList<Tensor>();
            for (Array64 array : arrays) {
                Tensor tensor = scope.tensor("t" + tensors.size(), array.shape(), DType.F32);
                tensors.add(
                        array.size() > 0 && Double.isNaN(array.at(0)) ? tensor : backend.set(tensor, array.floats()));
            }
            call.accept(backend, tensors);
            return tensors.stream().map(backend::floats).toList();
        }
    }

    private static Array64 unwritten(int size) {
        return Array64.zeros(size).map(_ -> Double.NaN);
    }

    private static Array64 normal(int seed, int... extents) {
        return Array64.normal(new SplittableRandom(seed), extents);
    }

    private static double[] each(int size, DoubleUnaryOperator f) {
        var values = new double[size];
        for (int i = 0; i < size; i++) {
            values[i] = f.applyAsDouble(i);
        }
        return values;
    }

    @ParameterizedTest
    @CsvSource({"1, true", "31, true", "33, false", "1000, true", "70001, false"})
    void adam_w_step_is_the_paper_s(int n, boolean corrected) {
        float lr = 3e-2f;
        float beta1 = 0.9f;
        float beta2 = 0.95f;
        float epsilon = 1e-6f;
        float decay = 0.1f;
        float scale = 0.5f;
        float correction1 = corrected ? 1 / (1 - beta1) : 1;
        float correction2 = corrected ? 1 / (1 - beta2) : 1;
        Array64 g = normal(1, n);
        Array64 weight = normal(2, n);
        Array64 m = normal(3, n);
        Array64 v = normal(4, n).map(Math::abs);
        List<float[]> after = run(
                (backend, t) -> backend.kernel(AdamW.Step.class)
                        .call(
                                t.get(0),
                                t.get(1),
                                t.get(2),
                                t.get(3),
                                n,
                                lr,
                                beta1,
                                beta2,
                                epsilon,
                                decay,
                                correction1,
                                correction2,
                                scale),
                g,
                weight,
                m,
                v);
        double[] newM = new double[n];
        double[] newV = new double[n];
        double[] newWeight = new double[n];
        for (int i = 0; i < n; i++) {
            double gi = g.at(i) * scale;
            newM[i] = beta1 * m.at(i) + (1.0 - beta1) * gi;
            newV[i] = beta2 * v.at(i) + (1.0 - beta2) * gi * gi;
            newWeight[i] = weight.at(i) * (1 - (double) lr * decay)
                    - lr * newM[i] * correction1 / (Math.sqrt(newV[i] * correction2) + epsilon);
        }
        assertThat(after.get(0)).isEqualTo(g.floats());
        new Tolerance(1).check("weight", newWeight, after.get(1));
        new Tolerance(1).check("m", newM, after.get(2));
        new Tolerance(1).check("v", newV, after.get(3));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 31, 33, 70_001})
    void ema_update_moves_the_average_towards_the_weight(int n) {
        Array64 weight = normal(1, n);
        Array64 average = normal(2, n);
        List<float[]> after = run(
                (backend, t) -> backend.kernel(Ema.Update.class).call(t.get(0), t.get(1), n, 0.9f), weight, average);
        double[] expected = each(n, i -> 0.9f * average.at((int) i) + (1 - (double) 0.9f) * weight.at((int) i));
        new Tolerance(1).check("average", expected, after.get(1));
        assertThat(after.get(0)).isEqualTo(weight.floats());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 31, 33, 70_001})
    void gradients_add_adds(int n) {
        Array64 x = normal(1, n);
        Array64 y = normal(2, n);
        List<float[]> after =
                run((backend, t) -> backend.kernel(Gradients.Add.class).call(t.get(0), t.get(1), n), x, y);
        new Tolerance(1).check("y", each(n, i -> x.at((int) i) + y.at((int) i)), after.get(1));
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "31, 2", "33, 3", "5000, 0", "70001, 7"})
    void peak_multiply_add_is_a_chain_of_multiply_adds(int n, int links) {
        Array64 sums = normal(1, n);
        List<float[]> after =
                run((backend, t) -> backend.kernel(Peak.MultiplyAdd.class).call(t.getFirst(), n, links), sums);
        double rest = Math.pow(0.5, links);
        new Tolerance(1).check("sums", each(n, i -> 2 + (sums.at((int) i) - 2) * rest), after.getFirst());
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "1, 1", "33, 1e4", "65536, 1", "65537, 1", "1000003, 1e-3"})
    void gradient_norm_squared_sums_in_double(int n, double scale) {
        Array64 x = normal(1, n).times(scale);
        float[] out = run(
                        (backend, t) ->
                                backend.kernel(GradientNorm.Squared.class).call(t.get(0), t.get(1), n),
                        x,
                        unwritten(1))
                .get(1);
        double sum = 0;
        for (double value : x.data()) {
            sum += value * value;
        }
        // only the last rounding: the sum itself is in double
        assertThat((double) out[0]).isBetween(sum * (1 - 1.2e-7), sum * (1 + 1.2e-7));
    }

    @ParameterizedTest
    @CsvSource({"1, 0, 0", "31, 7, 3", "33, -1, 1099511627777", "70001, 81985529216486895, 5"})
    void init_uniform_is_philox_scaled(int n, long seed, long offset) {
        float[] y = run(
                        (backend, t) -> backend.kernel(Init.Uniform.class).call(t.getFirst(), n, -2, 3, seed, offset),
                        unwritten(n))
                .getFirst();
        new Tolerance(1).check("y", each(n, i -> -2 + 5.0 * Philox.uniform(seed, offset, (long) i)), y);
    }

    @ParameterizedTest
    @CsvSource({"1, 0, 0", "31, 7, 3", "33, -1, 1099511627777", "70001, 81985529216486895, 5"})
    void init_normal_is_box_and_muller_of_philox(int n, long seed, long offset) {
        float[] y = run(
                        (backend, t) -> backend.kernel(Init.Normal.class).call(t.getFirst(), n, 0.5f, 2, seed, offset),
                        unwritten(n))
                .getFirst();
        double[] expected = each(n, i -> {
            long pair = (long) i / 2 * 2;
            double radius = Math.sqrt(-2 * Math.log(1 - (double) Philox.uniform(seed, offset, pair)));
            double angle = 2 * Math.PI * Philox.uniform(seed, offset, pair + 1);
            return 0.5 + 2 * radius * (pair == (long) i ? Math.cos(angle) : Math.sin(angle));
        });
        new Tolerance(1).check("y", expected, y);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void init_normal_has_the_moments_of_a_normal_distribution(long seed) {
        int n = 1 << 18;
        float[] y = run(1, (b, t) -> b.kernel(Init.Normal.class).call(t.getFirst(), n, 0, 1, seed, 0), unwritten(n))
                .getFirst();
        double[] moments = new double[5];
        for (float value : y) {
            for (int k = 1; k < 5; k++) {
                moments[k] += Math.pow(value, k) / n;
            }
        }
        // five standard errors each
        double error = 5 / Math.sqrt(n);
        assertThat(moments[1]).isBetween(-error, error);
        assertThat(moments[2]).isBetween(1 - error * Math.sqrt(2), 1 + error * Math.sqrt(2));
        assertThat(moments[3]).isBetween(-error * Math.sqrt(15), error * Math.sqrt(15));
        assertThat(moments[4]).isBetween(3 - error * Math.sqrt(96), 3 + error * Math.sqrt(96));
    }

    /** A processor, which computes in f32 alone, has nothing to narrow. */
    @ParameterizedTest
    @CsvSource({"1, 0", "31, 0", "33, 1", "70001, 3"})
    void parameters_narrow_rounds_to_the_nearest(int n, int shift) {
        BackendOptions bf16 = BackendOptions.DEFAULT.withPrecision(Precision.BF16);
        if (device.name().startsWith("cpu")) {
            assertThatThrownBy(() -> device.open(bf16)).isInstanceOf(BackendException.class);
            return;
        }
        float[] x = normal(1, n).floats();
        x[n / 2] = Float.NEGATIVE_INFINITY;
        x[n - 1] = Float.intBitsToFloat(0x3f81_8000); // between two, of which the nearest even is the larger
        try (Backend backend = device.open(bf16);
                Scope scope = backend.memory().scope("test")) {
            Tensor wide = scope.tensor("x", new Shape(n + shift), DType.F32);
            float[] behind = new float[n + shift];
            System.arraycopy(x, 0, behind, shift, n);
            backend.set(wide, behind);
            var y = new BandedTensor(backend, scope, "y", each(n, _ -> Double.NaN), shift);
            backend.kernel(Parameters.Narrow.class)
                    .call(scope.slice(wide, shift, "x", new Shape(n), false), y.tensor(), n);
            assertThat(y.values()).isEqualTo(each(n, i -> Bf16.round(x[(int) i])));
            assertThat(backend.floats(wide)).isEqualTo(behind);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1, 0", "3, 49, 12, 1", "2, 196, 49, 1", "2, 300, 300, 2"})
    void random_mask_draw_keeps_the_smallest_numbers(int b, int n, int m, int lead) {
        long seed = 0x5eed_0000_0001L;
        long offset = 0x3_0000_0009L;
        var keep = new int[b * m];
        var restore = new int[b * (lead + n)];
        var mask = new int[b * n];
        Arrays.fill(mask, 1);
        for (int image = 0; image < b; image++) {
            int first = image * n;
            int[] order = IntStream.range(0, n)
                    .boxed()
                    .sorted(Comparator.comparingDouble(i -> Philox.uniform(seed, offset, first + i)))
                    .mapToInt(Integer::intValue)
                    .toArray();
            for (int i = 0; i < lead; i++) {
                restore[image * (lead + n) + i] = i;
            }
            for (int rank = 0; rank < n; rank++) {
                restore[image * (lead + n) + lead + order[rank]] = lead + rank;
                if (rank < m) {
                    keep[image * m + rank] = order[rank];
                    mask[first + order[rank]] = 0;
                }
            }
        }
        for (int threads : new int[] {1, 2}) {
            try (Backend backend = new GuardedBackend(device.open(threads));
                    Scope scope = backend.memory().scope("test")) {
                Tensor drawnKeep = ones(backend, scope, b, m);
                Tensor drawnRestore = ones(backend, scope, b, lead + n);
                Tensor drawnMask = ones(backend, scope, b, n);
                backend.kernel(RandomMask.Draw.class)
                        .call(drawnKeep, drawnRestore, drawnMask, b, n, m, lead, seed, offset);
                assertThat(backend.ints(drawnKeep)).isEqualTo(keep);
                assertThat(backend.ints(drawnRestore)).isEqualTo(restore);
                assertThat(backend.ints(drawnMask)).isEqualTo(mask);
            }
        }
    }

    private static Tensor ones(Backend backend, Scope scope, int... extents) {
        var shape = new Shape(extents);
        var values = new int[Math.toIntExact(shape.size())];
        Arrays.fill(values, 1);
        return backend.set(scope.tensor("ones", shape, DType.I32), values);
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "5, 3", "3, 5", "16, 16", "33, 64", "64, 31", "96, 97"})
    void muon_step_is_five_newton_schulz_steps(int n, int m) {
        Array64 g = normal(1, n, m);
        Array64 weight = normal(2, n, m);
        Array64 momentum = normal(3, n, m);
        int r = Math.min(n, m);
        List<float[]> after = run(
                (backend, t) -> backend.kernel(Muon.Step.class)
                        .call(t.get(0), t.get(1), t.get(2), t.get(3), n, m, 0.02f, 0.95f, 0.1f, 0.5f),
                g,
                weight,
                momentum,
                unwritten(3 * n * m + 2 * r * r));
        double[] newMomentum = each(n * m, i -> 0.95f * momentum.at((int) i) + 0.5 * g.at((int) i));
        double[] u = each(n * m, i -> 0.5 * g.at((int) i) + 0.95f * newMomentum[(int) i]);
        double[][] o = newtonSchulz(u, n, m);
        double[] expected = each(
                n * m,
                i -> weight.at((int) i) * (1 - 0.02f * 0.1f)
                        - 0.02f * Math.sqrt(Math.max(1, (double) n / m)) * o[(int) i / m][(int) i % m]);
        new Tolerance(1).check("momentum", newMomentum, after.get(2));
        new Tolerance(Math.max(n, m), 10, Double.MIN_NORMAL).check("weight", expected, after.get(1));
    }

    private static double[][] newtonSchulz(double[] u, int n, int m) {
        double square = 0;
        for (double value : u) {
            square += value * value;
        }
        var x = new double[n][m];
        for (int i = 0; i < n * m; i++) {
            x[i / m][i % m] = u[i] / (Math.sqrt(square) + 1e-7);
        }
        for (int step = 0; step < 5; step++) {
            double[][] a = times(x, transposed(x));
            double[][] aa = times(a, a);
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    a[i][j] = -4.7750 * a[i][j] + 2.0315 * aa[i][j] + (i == j ? 3.4445 : 0);
                }
            }
            x = times(a, x);
        }
        return x;
    }

    private static double[][] times(double[][] a, double[][] b) {
        var c = new double[a.length][b[0].length];
        for (int i = 0; i < c.length; i++) {
            for (int j = 0; j < c[i].length; j++) {
                for (int k = 0; k < b.length; k++) {
                    c[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return c;
    }

    private static double[][] transposed(double[][] a) {
        var t = new double[a[0].length][a.length];
        for (int i = 0; i < t.length; i++) {
            for (int j = 0; j < t[i].length; j++) {
                t[i][j] = a[j][i];
            }
        }
        return t;
    }
}
