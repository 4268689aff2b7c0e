package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SoftTargetCrossEntropyTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.concat(
                Shapes.rows().flatMap(shape -> {
                    Array64 logits = Array64.normal(random, shape);
                    return Stream.of(
                            loss("shares", logits, shares(random, logits)),
                            loss(
                                    "any sums",
                                    logits,
                                    Array64.normal(random, shape).map(Math::abs)));
                }),
                Stream.of(
                        loss("one class", Array64.normal(random, 9, 37), oneHot(9, 37)),
                        loss("no class", Array64.normal(random, 3, 10), Array64.zeros(3, 10)),
                        loss("1e4", Array64.normal(random, 5, 37).times(1e4), oneHot(5, 37)),
                        loss("far from 0", Array64.normal(random, 5, 37).map(x -> x + 64), oneHot(5, 37))));
    }

    /** Of each row add up to 1. */
    private static Array64 shares(SplittableRandom random, Array64 like) {
        Array64 shares = Array64.normal(random, like.shape().extents()).map(Math::abs);
        for (int row = 0; row < shares.rows(); row++) {
            double sum = 0;
            for (int i = row * shares.columns(); i < (row + 1) * shares.columns(); i++) {
                sum += shares.at(i);
            }
            for (int i = row * shares.columns(); i < (row + 1) * shares.columns(); i++) {
                shares.data()[i] = (float) (shares.at(i) / sum);
            }
        }
        return shares;
    }

    private static Array64 oneHot(int rows, int v) {
        Array64 targets = Array64.zeros(rows, v);
        for (int row = 0; row < rows; row++) {
            targets.data()[row * v + row * 7 % v] = 1;
        }
        return targets;
    }

    private static Case loss(String label, Array64 logits, Array64 targets) {
        return new Case(
                        String.format(Locale.ROOT, "%s %s", label, logits.shape()),
                        Math.max(logits.columns(), logits.rows()),
                        List.of(logits, targets),
                        in -> new SoftTargetCrossEntropy(in.get(0), in.get(1)),
                        in -> reference(in.get(0), in.get(1)))
                .constant(1);
    }

    private static List<Array64> reference(Array64 logits, Array64 targets) {
        int v = logits.columns();
        var rowLoss = new double[logits.rows()];
        double sum = 0;
        for (int row = 0; row < rowLoss.length; row++) {
            double top = Double.NEGATIVE_INFINITY;
            for (int i = row * v; i < (row + 1) * v; i++) {
                top = Math.max(top, logits.at(i));
            }
            double exponentials = 0;
            for (int i = row * v; i < (row + 1) * v; i++) {
                exponentials += Math.exp(logits.at(i) - top);
            }
            for (int i = row * v; i < (row + 1) * v; i++) {
                rowLoss[row] += targets.at(i) * (top + Math.log(exponentials) - logits.at(i));
            }
            sum += rowLoss[row];
        }
        return List.of(
                Array64.of(new Shape(1), rowLoss.length == 0 ? 0 : sum / rowLoss.length),
                Array64.of(logits.shape().dropLast(), rowLoss));
    }

    @Test
    void rejects_targets_of_another_shape() {
        Tensors.with(scope -> assertThatThrownBy(() -> new SoftTargetCrossEntropy(
                        scope.tensor("logits", new Shape(2, 4), DType.F32),
                        scope.tensor("targets", new Shape(2, 5), DType.F32)))
                .hasMessage("SoftTargetCrossEntropy: targets must be [2, 4] to fit logits [2, 4] f32, but targets is"
                        + " [2, 5]"));
    }
}
