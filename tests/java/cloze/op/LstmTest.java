package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class LstmTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        int[][] sizes = {
            {1, 1, 1, 1},
            {1, 1, 3, 5},
            {2, 3, 4, 5},
            {3, 7, 2, 4},
            {1, 20, 8, 8},
            {17, 2, 5, 31},
            {0, 3, 2, 4},
            {2, 3, 0, 4},
            {33, 3, 24, 16},
            {5, 4, 37, 101},
        };
        return Stream.concat(
                Stream.of(sizes).map(s -> lstm("", s, 1, true, random)),
                Stream.of(
                        lstm("without bias ", new int[] {2, 3, 4, 5}, 1, false, random),
                        lstm("bias of 1e4 ", new int[] {2, 3, 4, 4}, 1e4, true, random)
                                .terms(1) /* of 1 - tanh^2, where a gate is at its end */,
                        wide()));
    }

    /** As the CPU packs weights of more than 384 columns in two blocks. */
    private static Case wide() {
        return lstm("wide ", new int[] {2, 2, 16, 390}, 1, true, new SplittableRandom(2));
    }

    /**
     * @param sizes B, T, C, H
     * @param scale of the bias
     */
    private static Case lstm(String label, int[] sizes, double scale, boolean bias, SplittableRandom random) {
        int batch = sizes[0];
        int in = sizes[2];
        int hidden = sizes[3];
        var inputs = new ArrayList<>(List.of(
                Array64.normal(random, batch, sizes[1], in),
                Array64.normal(random, batch, hidden),
                Array64.normal(random, batch, hidden),
                Array64.normal(random, 4 * hidden, in).times(1 / Math.sqrt(Math.max(in, 1))),
                Array64.normal(random, 4 * hidden, hidden).times(1 / Math.sqrt(hidden))));
        if (bias) {
            inputs.add(Array64.normal(random, 4 * hidden).times(scale));
        }
        return new Case(
                        label + Shapes.label(sizes),
                        Math.max(sizes[1] * Math.max(4 * hidden, batch), in),
                        inputs,
                        to -> new Lstm(to.get(0), to.get(1), to.get(2), to.get(3), to.get(4), bias ? to.get(5) : null),
                        LstmTest::reference)
                .values(3)
                .own(1)
                .naive(NaiveLstm::of);
    }

    private static List<Array64> reference(List<Array64> in) {
        Array64 x = in.get(0);
        int tokens = x.extent(1);
        int hidden = in.get(1).extent(1);
        Array64 y = Array64.zeros(x.extent(0), tokens, hidden);
        Array64 lastH = Array64.zeros(x.extent(0), hidden);
        Array64 lastC = Array64.zeros(x.extent(0), hidden);
        for (int b = 0; b < x.extent(0); b++) {
            double[] h = row(in.get(1), b);
            double[] c = row(in.get(2), b);
            for (int t = b * tokens; t < (b + 1) * tokens; t++) {
                double[] gate = gates(row(x, t), h, in);
                for (int j = 0; j < hidden; j++) {
                    c[j] = gate[hidden + j] * c[j] + gate[j] * gate[2 * hidden + j];
                    h[j] = gate[3 * hidden + j] * Math.tanh(c[j]);
                }
                System.arraycopy(h, 0, y.data(), t * hidden, hidden);
            }
            System.arraycopy(h, 0, lastH.data(), b * hidden, hidden);
            System.arraycopy(c, 0, lastC.data(), b * hidden, hidden);
        }
        return List.of(y, lastH, lastC);
    }

    private static double[] row(Array64 x, int i) {
        var row = new double[x.columns()];
        System.arraycopy(x.data(), i * row.length, row, 0, row.length);
        return row;
    }

    private static double[] gates(double[] x, double[] h, List<Array64> in) {
        var gates = new double[4 * h.length];
        for (int k = 0; k < gates.length; k++) {
            double sum = in.size() > 5 ? in.get(5).at(k) : 0;
            for (int j = 0; j < x.length; j++) {
                sum += in.get(3).at(k * x.length + j) * x[j];
            }
            for (int j = 0; j < h.length; j++) {
                sum += in.get(4).at(k * h.length + j) * h[j];
            }
            gates[k] = k / h.length == 2 ? Math.tanh(sum) : Scalars.sigmoid(sum);
        }
        return gates;
    }

    /** As of a model that reads the last state alone. */
    @Test
    void a_value_that_no_gradient_has_reached_is_as_one_with_zeros() {
        assertThat(gradients(false, 0)).isDeepEqualTo(gradients(true, 0));
    }

    @Test
    void gradients_may_arrive_at_any_address() {
        assertThat(gradients(true, 1)).isDeepEqualTo(gradients(true, 0));
    }

    /**
     * Of all inputs, from one of the last state.
     *
     * @param zeros whether a gradient of zeros arrives at y, too
     * @param behind elements of memory before that of the last state
     */
    private float[][] gradients(boolean zeros, int behind) {
        Case c = lstm("", new int[] {2, 3, 4, 8}, 1, true, new SplittableRandom(5));
        try (Backend backend = device.open(1);
                Scope scope = backend.memory().scope("test")) {
            var inputs = new ArrayList<Tensor>();
            for (Array64 input : c.inputs()) {
                Tensor tensor = scope.tensor("input", input.shape(), DType.F32, true);
                inputs.add(backend.set(tensor, input.floats()));
            }
            Tape tape = Tape.recording(backend, scope, 0, 0);
            List<Tensor> results = tape.applyAll(c.op(inputs));
            var gradients = new Gradients(backend, scope, null);
            if (zeros) {
                Tensor zero = scope.tensor("dy", results.get(0).shape(), DType.F32);
                backend.zero(zero);
                gradients.set(results.get(0), zero);
            }
            Array64 seed = Array64.normal(new SplittableRandom(6), 2, 8);
            Tensor room = scope.tensor("room", new Shape(behind + 16), DType.F32);
            Tensor arrived = backend.set(scope.slice(room, behind, "dh", seed.shape(), false), seed.floats());
            tape.backward(results.get(1), arrived, gradients);
            return inputs.stream()
                    .map(input -> backend.floats(gradients.of(input)))
                    .toArray(float[][]::new);
        }
    }

    @Test
    void rejects_what_does_not_fit() {
        Tensors.with(scope -> {
            Tensor x = scope.tensor("x", new Shape(2, 3, 7), DType.F32);
            Tensor h = scope.tensor("h", new Shape(2, 5), DType.F32);
            Tensor ofInput = scope.tensor("weight_ih", new Shape(20, 7), DType.F32);
            Tensor ofHidden = scope.tensor("weight_hh", new Shape(20, 5), DType.F32);
            Tensor bias = scope.tensor("bias", new Shape(5), DType.F32);
            assertThatThrownBy(() -> new Lstm(x, h, h, ofHidden, ofHidden, null))
                    .hasMessage("Lstm: inputWeight must be [20, 7] to fit h [2, 5] f32, but weight_hh is [20, 5]");
            assertThatThrownBy(() -> new Lstm(x, h, h, ofInput, ofInput, null))
                    .hasMessage("Lstm: hiddenWeight must be [20, 5] to fit h [2, 5] f32, but weight_ih is [20, 7]");
            assertThatThrownBy(() -> new Lstm(x, ofInput, h, ofInput, ofHidden, null))
                    .hasMessage("Lstm: h must be [2, H] to fit x [2, 3, 7] f32, but weight_ih is [20, 7]");
            assertThatThrownBy(() -> new Lstm(x, h, h, ofInput, ofHidden, bias))
                    .hasMessage("Lstm: bias must be [20] to fit h [2, 5] f32, but bias is [5]");
            Tensor none = scope.tensor("x", new Shape(2, 0, 7), DType.F32);
            assertThatThrownBy(() -> new Lstm(none, h, h, ofInput, ofHidden, null))
                    .hasMessage("Lstm: x must be [B, T, C] with T of 1 or more, but x is [2, 0, 7]");
        });
    }
}
