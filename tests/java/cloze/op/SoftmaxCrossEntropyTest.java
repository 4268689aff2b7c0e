package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SoftmaxCrossEntropyTest extends OpContract {
    private static final int IGNORE = -100;

    @Override
    Stream<Case> cases() {
        return Stream.concat(ofAllColumns(), ofSomeColumns());
    }

    private static Stream<Case> ofAllColumns() {
        var random = new SplittableRandom(1);
        return Stream.of(0f, 0.1f, 1f)
                .flatMap(smoothing -> Stream.concat(
                        Shapes.rows().map(shape -> {
                            int v = shape[shape.length - 1];
                            return loss(
                                    Shapes.label(shape),
                                    Array64.normal(random, shape),
                                    smoothing,
                                    _ -> random.nextInt(v));
                        }),
                        Stream.of(
                                loss(
                                        "some ignored",
                                        Array64.normal(random, 9, 37),
                                        smoothing,
                                        i -> i % 3 == 0 ? IGNORE : i),
                                loss("all ignored", Array64.normal(random, 5, 37), smoothing, _ -> IGNORE),
                                loss("1e4", Array64.normal(random, 5, 37).times(1e4), smoothing, i -> i),
                                loss(
                                        "vocabulary",
                                        Array64.normal(random, 17, 5003),
                                        smoothing,
                                        i -> i == 3 ? IGNORE : i * 293))));
    }

    /** Columns of 1e3 that are no classes, in rows of whole packs of 16 bytes and others. */
    private static Stream<Case> ofSomeColumns() {
        var random = new SplittableRandom(2);
        return Stream.of(0f, 0.1f)
                .flatMap(smoothing -> Stream.of(
                                new int[] {5, 8}, new int[] {37, 40}, new int[] {37, 43}, new int[] {5003, 5008})
                        .map(extents -> {
                            Array64 logits = Array64.normal(random, 6, extents[1]);
                            for (int i = 0; i < logits.size(); i++) {
                                if (i % extents[1] >= extents[0]) {
                                    logits.data()[i] = 1e3;
                                }
                            }
                            return loss(
                                    String.format(Locale.ROOT, "%d of %d columns", extents[0], extents[1]),
                                    logits,
                                    extents[0],
                                    smoothing,
                                    i -> i == 2 ? IGNORE : random.nextInt(extents[0]));
                        }));
    }

    private static Case loss(String label, Array64 logits, float smoothing, IntUnaryOperator targets) {
        return loss(label, logits, logits.columns(), smoothing, targets);
    }

    private static Case loss(String label, Array64 logits, int classes, float smoothing, IntUnaryOperator targets) {
        return new Case(
                        String.format(Locale.ROOT, "%s smoothed by %s", label, smoothing),
                        Math.max(logits.columns(), logits.rows()),
                        List.of(
                                logits,
                                Array64.ints(targets, logits.shape().dropLast().extents())),
                        in -> new SoftmaxCrossEntropy(in.get(0), in.get(1), classes, IGNORE, smoothing),
                        in -> reference(in.get(0), in.get(1), classes, smoothing))
                .naive(SoftmaxCrossEntropyTest::naive);
    }

    /** The gradient of the loss itself is stored in place of the logits, before the loss has a gradient. */
    private static Values naive(Case c, DoubleUnaryOperator stored) {
        Values exact = c.values();
        double dloss = c.seeds().getFirst().at(0);
        Array64 dlogits = exact.gradients().get(0);
        double[] scaled = Scalars.each(dlogits.data(), d -> stored.applyAsDouble(d / dloss) * dloss);
        return new Values(exact.results(), Map.of(0, Array64.of(dlogits.shape(), scaled)));
    }

    private static List<Array64> reference(Array64 logits, Array64 targets, int v, double smoothing) {
        int columns = logits.columns();
        var rowLoss = new double[targets.size()];
        double sum = 0;
        int counted = 0;
        for (int r = 0; r < rowLoss.length; r++) {
            if (targets.intAt(r) != IGNORE) {
                double lse = logSumExp(logits, r * columns, v);
                double mean = 0;
                for (int c = r * columns; c < r * columns + v; c++) {
                    mean += (lse - logits.at(c)) / v;
                }
                double nll = lse - logits.at(r * columns + targets.intAt(r));
                rowLoss[r] = (1 - smoothing) * nll + smoothing * mean;
                sum += rowLoss[r];
                counted++;
            }
        }
        return List.of(
                Array64.of(new Shape(1), counted == 0 ? 0 : sum / counted), Array64.of(targets.shape(), rowLoss));
    }

    private static double logSumExp(Array64 x, int from, int count) {
        double max = Double.NEGATIVE_INFINITY;
        for (int i = from; i < from + count; i++) {
            max = Math.max(max, x.at(i));
        }
        double sum = 0;
        for (int i = from; i < from + count; i++) {
            sum += Math.exp(x.at(i) - max);
        }
        return max + Math.log(sum);
    }

    /** While training the gradient replaces the logits. */
    @Override
    boolean overwrites(int input, boolean training) {
        return input == 0 && training;
    }

    @Test
    void rejects_more_classes_than_columns() {
        Tensors.with(scope -> assertThatThrownBy(() -> new SoftmaxCrossEntropy(
                        scope.tensor("logits", new Shape(2, 4), DType.F32),
                        scope.tensor("targets", new Shape(2), DType.I32),
                        5))
                .hasMessage("SoftmaxCrossEntropy: classes must be in [1, 4], the columns of the logits, but it is 5"));
    }

    @Test
    void rejects_targets_that_are_not_one_a_row() {
        Tensors.with(scope -> assertThatThrownBy(() -> new SoftmaxCrossEntropy(
                        scope.tensor("logits", new Shape(2, 3, 4), DType.F32),
                        scope.tensor("targets", new Shape(2, 4), DType.I32)))
                .hasMessage("SoftmaxCrossEntropy: targets must be one for each row of logits [2, 3, 4] f32, but targets"
                        + " is [2, 4]"));
    }
}
