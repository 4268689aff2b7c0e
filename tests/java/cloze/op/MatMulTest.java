package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MatMulTest extends OpContract {
    private record Form(Activation activation, boolean bias) {}

    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        int[][] sizes = {
            {1, 1, 1},
            {3, 5, 7},
            {1, 33, 31},
            {31, 32, 33},
            {17, 129, 1},
            {7, 1, 13},
            {65, 17, 97},
            {0, 3, 4},
        };
        var forms = Stream.of(Activation.values()).flatMap(a -> Stream.of(new Form(a, true), new Form(a, false)));
        return Stream.of(
                        panels(),
                        forms.flatMap(form -> Stream.of(sizes).map(s -> matMul("", form, s, 1, random))),
                        Stream.of(
                                matMul(
                                        "a linear layer ",
                                        new Form(Activation.NONE, true),
                                        new int[] {130, 192, 260},
                                        1,
                                        random),
                                matMul(
                                        "an MLP ",
                                        new Form(Activation.GELU_TANH, true),
                                        new int[] {98, 192, 384},
                                        1,
                                        random),
                                matMul(
                                        "a long sum ",
                                        new Form(Activation.NONE, false),
                                        new int[] {9, 3072, 24},
                                        1,
                                        random),
                                matMul("1e4 ", new Form(Activation.NONE, true), new int[] {5, 37, 9}, 1e4, random),
                                matMul("1e4 ", new Form(Activation.TANH, true), new int[] {5, 37, 9}, 1e4, random)))
                .flatMap(cases -> cases);
    }

    /** Small, and yet each sum, of y, dx and dweight, goes through more panels than the ring of gemm.cuh holds. */
    private static Stream<Case> panels() {
        var random = new SplittableRandom(2);
        return Stream.of(new int[] {2, 168, 2}, new int[] {2, 2, 168}, new int[] {168, 2, 2})
                .map(nkm -> matMul("panels ", new Form(Activation.NONE, true), nkm, 1, random));
    }

    private static Case matMul(String label, Form form, int[] nkm, double scale, SplittableRandom random) {
        Array64 x = Array64.normal(random, nkm[0], nkm[1]).times(scale);
        Array64 weight = Array64.normal(random, nkm[2], nkm[1]).times(1 / Math.sqrt(Math.max(1, nkm[1])));
        Array64 bias = Array64.normal(random, nkm[2]);
        return new Case(
                        String.format(Locale.ROOT, "%s%s %s", label, Shapes.label(nkm), form),
                        Math.max(nkm[0], Math.max(nkm[1], nkm[2])),
                        form.bias ? List.of(x, weight, bias) : List.of(x, weight),
                        in -> new MatMul(in.get(0), in.get(1), form.bias ? in.get(2) : null, form.activation),
                        in -> reference(form, in))
                .own(1) // what is saved of the activation
                .naive((c, stored) -> naive(form, c, stored))
                .step(step(form.activation, scale))
                .terms(form.activation == Activation.TANH ? 2 * scale : Tolerance.SMALLEST);
    }

    /** Small beside where the slope changes. */
    private static double step(Activation activation, double scale) {
        return switch (activation) {
            case RELU -> 1e-8;
            case TANH -> Case.STEP / scale;
            default -> Case.STEP;
        };
    }

    private static List<Array64> reference(Form form, List<Array64> in) {
        Array64 pre = products(in.get(0), in.get(1));
        for (int i = 0; i < pre.size() && form.bias; i++) {
            pre.data()[i] += in.get(2).at(i % pre.columns());
        }
        double[] y = Scalars.each(pre.data(), v -> Scalars.activation(form.activation, v));
        return List.of(Array64.of(pre.shape(), y));
    }

    /** Of each row of x [n, k] with each of y [m, k]. */
    private static Array64 products(Array64 x, Array64 y) {
        int k = x.columns();
        Array64 products = Array64.zeros(x.extent(0), y.extent(0));
        for (int i = 0; i < products.size(); i++) {
            int row = i / products.columns() * k;
            int column = i % products.columns() * k;
            double sum = 0;
            for (int j = 0; j < k; j++) {
                sum += x.at(row + j) * y.at(column + j);
            }
            products.data()[i] = sum;
        }
        return products;
    }

    private static Array64 transposed(Array64 x) {
        Array64 y = Array64.zeros(x.columns(), x.extent(0));
        for (int i = 0; i < x.size(); i++) {
            y.data()[i % x.columns() * x.extent(0) + i / x.columns()] = x.at(i);
        }
        return y;
    }

    /** Stores the bias, what the activation reads, and its gradient. */
    private static Values naive(Form form, Case c, DoubleUnaryOperator stored) {
        Array64 x = c.inputs().get(0);
        Array64 weight = c.inputs().get(1);
        Array64 dpre = c.seeds().getFirst();
        Array64 pre = products(x, weight);
        for (int i = 0; i < pre.size(); i++) {
            double bias = form.bias ? stored.applyAsDouble(c.inputs().get(2).at(i % pre.columns())) : 0;
            pre.data()[i] += bias;
        }
        double[] y = pre.data();
        if (form.activation != Activation.NONE) {
            double[] read = Scalars.each(pre.data(), stored);
            double[] back = dpre.data().clone();
            for (int i = 0; i < back.length; i++) {
                back[i] = stored.applyAsDouble(back[i] * Scalars.slope(form.activation, read[i]));
            }
            dpre = Array64.of(pre.shape(), back);
            y = Scalars.each(read, v -> Scalars.activation(form.activation, v));
        }
        Map<Integer, Array64> gradients = new HashMap<>();
        gradients.put(0, products(dpre, transposed(weight)));
        gradients.put(1, products(transposed(dpre), transposed(x)));
        if (form.bias) {
            Array64 ones = Array64.zeros(1, dpre.extent(0)).map(_ -> 1);
            gradients.put(
                    2,
                    Array64.of(
                            c.inputs().get(2).shape(),
                            products(ones, transposed(dpre)).data()));
        }
        return new Values(List.of(Array64.of(pre.shape(), y)), gradients);
    }

    @Test
    void rejects_a_weight_of_another_width() {
        Tensors.with(scope -> assertThatThrownBy(() -> new MatMul(
                        scope.tensor("x", new Shape(2, 3), DType.F32),
                        scope.tensor("fc.weight", new Shape(3, 2), DType.F32),
                        null,
                        Activation.NONE))
                .hasMessage("MatMul: weight must be [M, 3] to fit x [2, 3] f32, but fc.weight is [3, 2]"));
    }

    @Test
    void rejects_a_bias_of_another_length() {
        Tensors.with(scope -> assertThatThrownBy(() -> new MatMul(
                        scope.tensor("x", new Shape(2, 3), DType.F32),
                        scope.tensor("fc.weight", new Shape(4, 3), DType.F32),
                        scope.tensor("fc.bias", new Shape(3), DType.F32),
                        Activation.NONE))
                .hasMessage("MatMul: bias must be [4] to fit fc.weight [4, 3] f32, but fc.bias is [3]"));
    }
}
