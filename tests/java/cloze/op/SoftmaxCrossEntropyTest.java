package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SoftmaxCrossEntropyTest extends OpContract {
    private static final int IGNORE = -100;

    @Override
    Stream<Case> cases() {
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

    private static Case loss(String label, Array64 logits, float smoothing, IntUnaryOperator targets) {
        return new Case(
                "%s smoothed by %s".formatted(label, smoothing),
                Math.max(logits.columns(), logits.rows()),
                List.of(logits, Array64.ints(targets, logits.shape().dropLast().extents())),
                in -> new SoftmaxCrossEntropy(in.get(0), in.get(1), IGNORE, smoothing),
                in -> reference(in.get(0), in.get(1), smoothing));
    }

    private static List<Array64> reference(Array64 logits, Array64 targets, double smoothing) {
        int v = logits.columns();
        var rowLoss = new double[targets.size()];
        double sum = 0;
        int counted = 0;
        for (int r = 0; r < rowLoss.length; r++) {
            if (targets.intAt(r) != IGNORE) {
                double lse = logSumExp(logits, r * v, v);
                double mean = 0;
                for (int c = r * v; c < (r + 1) * v; c++) {
                    mean += (lse - logits.at(c)) / v;
                }
                double nll = lse - logits.at(r * v + targets.intAt(r));
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
    void rejects_targets_that_are_not_one_a_row() {
        Tensors.with(scope -> assertThatThrownBy(() -> new SoftmaxCrossEntropy(
                        scope.tensor("logits", new Shape(2, 3, 4), DType.F32),
                        scope.tensor("targets", new Shape(2, 4), DType.I32)))
                .hasMessage("SoftmaxCrossEntropy: targets must be one for each row of logits [2, 3, 4] f32, but targets"
                        + " is [2, 4]"));
    }
}
