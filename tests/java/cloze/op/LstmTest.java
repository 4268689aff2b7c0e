package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class LstmTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        int[][] sizes = {
            {1, 1, 1}, {1, 1, 5}, {2, 3, 5}, {3, 7, 4}, {1, 20, 8}, {17, 2, 31}, {0, 3, 4}, {33, 3, 16}, {5, 4, 101},
        };
        return Stream.concat(
                Stream.of(sizes).map(s -> lstm("", s, 1, random)),
                Stream.of(
                        lstm("1e4 ", new int[] {2, 3, 4}, 1e4, random)
                                .terms(1) /* of 1 - tanh^2, where a gate is at its end */,
                        lstm("wide ", new int[] {2, 9, 390}, 1, random)));
    }

    private static Case lstm(String label, int[] bth, double scale, SplittableRandom random) {
        int hidden = bth[2];
        Array64 x = Array64.normal(random, bth[0], bth[1], 4 * hidden).times(scale);
        Array64 h = Array64.normal(random, bth[0], hidden);
        Array64 c = Array64.normal(random, bth[0], hidden);
        Array64 weight = Array64.normal(random, 4 * hidden, hidden).times(1 / Math.sqrt(hidden));
        return new Case(
                        label + Shapes.label(bth),
                        bth[1] * Math.max(4 * hidden, bth[0]),
                        List.of(x, h, c, weight),
                        in -> new Lstm(in.get(0), in.get(1), in.get(2), in.get(3)),
                        LstmTest::reference)
                .values(3);
    }

    private static List<Array64> reference(List<Array64> in) {
        Array64 x = in.get(0);
        int tokens = x.extent(1);
        int hidden = in.get(1).extent(1);
        Array64 y = Array64.zeros(x.extent(0), tokens, hidden);
        Array64 gates = Array64.zeros(x.extent(0), tokens, 4 * hidden);
        Array64 cells = Array64.zeros(x.extent(0), tokens, hidden);
        Array64 lastH = Array64.zeros(x.extent(0), hidden);
        Array64 lastC = Array64.zeros(x.extent(0), hidden);
        for (int b = 0; b < x.extent(0); b++) {
            double[] h = row(in.get(1), b);
            double[] c = row(in.get(2), b);
            for (int t = b * tokens; t < (b + 1) * tokens; t++) {
                double[] gate = gates(row(x, t), h, in.get(3));
                for (int j = 0; j < hidden; j++) {
                    c[j] = gate[hidden + j] * c[j] + gate[j] * gate[2 * hidden + j];
                    h[j] = gate[3 * hidden + j] * Math.tanh(c[j]);
                }
                System.arraycopy(gate, 0, gates.data(), t * 4 * hidden, 4 * hidden);
                System.arraycopy(c, 0, cells.data(), t * hidden, hidden);
                System.arraycopy(h, 0, y.data(), t * hidden, hidden);
            }
            System.arraycopy(h, 0, lastH.data(), b * hidden, hidden);
            System.arraycopy(c, 0, lastC.data(), b * hidden, hidden);
        }
        return List.of(y, lastH, lastC, gates, cells);
    }

    private static double[] row(Array64 x, int i) {
        var row = new double[x.columns()];
        System.arraycopy(x.data(), i * row.length, row, 0, row.length);
        return row;
    }

    private static double[] gates(double[] x, double[] h, Array64 weight) {
        var gates = new double[x.length];
        for (int k = 0; k < gates.length; k++) {
            double sum = x[k];
            for (int j = 0; j < h.length; j++) {
                sum += weight.at(k * h.length + j) * h[j];
            }
            gates[k] = k / h.length == 2 ? Math.tanh(sum) : Scalars.sigmoid(sum);
        }
        return gates;
    }

    @Test
    void rejects_what_does_not_fit() {
        Tensors.with(scope -> {
            Tensor x = scope.tensor("x", new Shape(2, 3, 20), DType.F32);
            Tensor h = scope.tensor("h", new Shape(2, 5), DType.F32);
            Tensor weight = scope.tensor("weight_hh", new Shape(20, 4), DType.F32);
            assertThatThrownBy(() -> new Lstm(x, h, h, weight))
                    .hasMessage("Lstm: weight must be [20, 5] to fit x [2, 3, 20] f32, but weight_hh is [20, 4]");
            assertThatThrownBy(() -> new Lstm(x, weight, h, weight))
                    .hasMessage("Lstm: h must be [2, 5] to fit x [2, 3, 20] f32, but weight_hh is [20, 4]");
            assertThatThrownBy(() -> new Lstm(scope.tensor("x", new Shape(2, 0, 20), DType.F32), h, h, weight))
                    .hasMessage("Lstm: x must be [B, T, 4 H] with T of 1 or more, but x is [2, 0, 20]");
        });
    }
}
