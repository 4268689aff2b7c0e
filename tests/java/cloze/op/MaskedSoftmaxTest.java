package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MaskedSoftmaxTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        var longer = new SplittableRandom(2);
        return Stream.concat(
                Shapes.rows()
                        .map(shape -> softmax(
                                "random mask", Array64.normal(random, shape), _ -> random.nextInt(4) > 0 ? 1 : 0)),
                Stream.of(
                        softmax("nothing hidden", Array64.normal(random, 6, 17), _ -> 1),
                        softmax("causal", Array64.normal(random, 19, 19), i -> i % 19 <= i / 19 ? 1 : 0),
                        softmax("a row all hidden", Array64.normal(random, 6, 17), i -> i / 17 == 2 ? 0 : 1),
                        softmax("longest in registers", Array64.normal(longer, 3, 1024), i -> i % 1024 < 700 ? 1 : 0),
                        softmax("longer, in packs", Array64.normal(longer, 3, 1032), i -> i % 5 > 0 ? 1 : 0),
                        softmax("longer", Array64.normal(longer, 3, 1101), i -> i / 1101 == 1 || i % 3 > 0 ? 0 : 1),
                        softmax("all hidden", Array64.normal(random, 3, 9), _ -> 0),
                        softmax("the largest hidden", ramp(), i -> i % 40 < 3 ? 1 : 0)
                                .terms(0.1),
                        softmax("1e4", Array64.normal(random, 5, 37).times(1e4), i -> i % 3 == 0 ? 0 : 1)));
    }

    /** Rows that rise to 390, so that what is kept is far below the maximum. */
    private static Array64 ramp() {
        return Array64.of(
                new Shape(2, 40), Scalars.each(Array64.ints(i -> i, 80).data(), i -> i % 40 * 10));
    }

    private static Case softmax(String label, Array64 scores, IntUnaryOperator mask) {
        return new Case(
                        label + " " + scores.shape(),
                        scores.columns(),
                        List.of(scores, Array64.ints(mask, scores.shape().extents())),
                        in -> new MaskedSoftmax(in.get(0), in.get(1)),
                        in -> reference(in.get(0), in.get(1)))
                .naive(MaskedSoftmaxTest::naive);
    }

    /** dscores = p (dp - sum(p dp)), of p as it is stored. */
    private static Values naive(Case c, DoubleUnaryOperator stored) {
        List<Array64> results = c.expected();
        double[] p = Scalars.each(results.getFirst().data(), stored);
        Array64 dp = c.seeds().getFirst();
        int k = dp.columns();
        Array64 dscores = Array64.zeros(dp.shape().extents());
        for (int r = 0; r < dp.rows(); r++) {
            double sum = 0;
            for (int i = r * k; i < (r + 1) * k; i++) {
                sum += p[i] * dp.at(i);
            }
            for (int i = r * k; i < (r + 1) * k; i++) {
                dscores.data()[i] = p[i] * (dp.at(i) - sum);
            }
        }
        return new Values(results, Map.of(0, dscores));
    }

    private static List<Array64> reference(Array64 scores, Array64 mask) {
        int k = scores.columns();
        var p = new double[scores.size()];
        for (int r = 0; r < scores.rows(); r++) {
            double max = Double.NEGATIVE_INFINITY;
            for (int c = r * k; c < (r + 1) * k; c++) {
                max = mask.at(c) == 0 ? max : Math.max(max, scores.at(c));
            }
            double sum = 0;
            for (int c = r * k; c < (r + 1) * k; c++) {
                p[c] = mask.at(c) == 0 ? 0 : Math.exp(scores.at(c) - max);
                sum += p[c];
            }
            for (int c = r * k; c < (r + 1) * k; c++) {
                p[c] = sum == 0 ? 0 : p[c] / sum;
            }
        }
        return List.of(Array64.of(scores.shape(), p));
    }

    @Test
    void a_nan_in_a_score_that_is_hidden_stays_hidden() {
        Array64 scores = Array64.zeros(2, 34);
        scores.data()[5] = Double.NaN;
        float[] p = run(softmax("NaN", scores, i -> i == 5 || i == 40 ? 0 : 1), 2, List.of(), List.of())
                .results()
                .getFirst();
        assertThat(p[5]).isZero();
        assertThat(p[6]).isEqualTo(p[67]).isCloseTo(1 / 33f, within(1e-7f));
    }

    @Test
    void rejects_a_mask_of_another_shape() {
        Tensors.with(scope -> assertThatThrownBy(() -> new MaskedSoftmax(
                        scope.tensor("scores", new Shape(2, 3), DType.F32),
                        scope.tensor("mask", new Shape(3), DType.I32)))
                .hasMessage("MaskedSoftmax: mask must be [2, 3], the shape of scores [2, 3] f32, but mask is [3]"));
    }
}
