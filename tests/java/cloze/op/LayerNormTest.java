package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.ShapeException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class LayerNormTest extends OpContract {
    private static final float EPSILON = 1e-5f;

    /** Which of the optional inputs there are, and whether a gradient also reaches the sum. */
    private record Form(boolean residual, boolean bias, boolean dsum) {}

    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        var longer = new SplittableRandom(2);
        var whole = new Form(true, true, true);
        return Stream.concat(
                ofAllForms(random),
                Shapes.longRows()
                        .map(shape -> layerNorm(whole, Shapes.label(shape), Array64.normal(longer, shape), longer)));
    }

    private static Stream<Case> ofAllForms(SplittableRandom random) {
        return Stream.of(
                        new Form(false, true, false),
                        new Form(false, false, false),
                        new Form(true, true, true),
                        new Form(true, true, false),
                        new Form(true, false, true))
                .flatMap(form -> Stream.concat(
                        Shapes.rows()
                                .map(shape ->
                                        layerNorm(form, Shapes.label(shape), Array64.normal(random, shape), random)),
                        Stream.of(
                                layerNorm(
                                        form,
                                        "1e4",
                                        Array64.normal(random, 3, 37).times(1e4),
                                        random),
                                layerNorm(
                                                form,
                                                "mean of 1e3",
                                                Array64.normal(random, 3, 37).map(v -> v + 1e3),
                                                random)
                                        .condition(1e3))));
    }

    private static Case layerNorm(Form form, String label, Array64 x, SplittableRandom random) {
        var inputs = new ArrayList<Array64>();
        inputs.add(x);
        if (form.residual) {
            inputs.add(Array64.normal(random, x.shape().extents()));
        }
        inputs.add(Array64.normal(random, x.columns()));
        if (form.bias) {
            inputs.add(Array64.normal(random, x.columns()));
        }
        int weight = form.residual ? 2 : 1;
        Case c = new Case(
                        label + " " + form,
                        Math.max(x.columns(), x.rows()),
                        inputs,
                        in -> new LayerNorm(
                                in.get(0),
                                form.residual ? in.get(1) : null,
                                in.get(weight),
                                form.bias ? in.getLast() : null,
                                EPSILON),
                        in -> reference(form, in))
                .values(form.dsum ? 2 : 1)
                // of one column nothing of a gradient is left over
                .terms(x.columns() == 1 ? 1 / Math.sqrt(EPSILON) : 0.1);
        return form.residual ? c.naive(Sums::fromStoredSum) : c;
    }

    private static List<Array64> reference(Form form, List<Array64> in) {
        Array64 s = form.residual ? Sums.add(in.get(0), in.get(1)) : in.get(0);
        Array64 weight = in.get(form.residual ? 2 : 1);
        int d = s.columns();
        int n = s.rows();
        var y = new double[s.size()];
        var means = new double[n];
        var rstds = new double[n];
        for (int r = 0; r < n; r++) {
            double mean = 0;
            for (int c = 0; c < d; c++) {
                mean += s.at(r * d + c) / d;
            }
            double variance = 0;
            for (int c = 0; c < d; c++) {
                variance += Math.pow(s.at(r * d + c) - mean, 2) / d;
            }
            means[r] = mean;
            rstds[r] = 1 / Math.sqrt(variance + EPSILON);
            for (int c = 0; c < d; c++) {
                double bias = form.bias ? in.getLast().at(c) : 0;
                y[r * d + c] = (s.at(r * d + c) - mean) * rstds[r] * weight.at(c) + bias;
            }
        }
        Shape rows = s.shape().dropLast();
        var results = new ArrayList<Array64>();
        results.add(Array64.of(s.shape(), y));
        if (form.residual) {
            results.add(s);
        }
        results.add(Array64.of(rows, means));
        results.add(Array64.of(rows, rstds));
        return results;
    }

    @Test
    void rejects_a_weight_that_does_not_span_the_last_axis() {
        Tensors.with(scope -> assertThatThrownBy(() -> new LayerNorm(
                        scope.tensor("blocks.3.x", new Shape(8, 197, 768), DType.F32),
                        scope.tensor("blocks.3.norm1.weight", new Shape(512), DType.F32),
                        null,
                        EPSILON))
                .isInstanceOf(ShapeException.class)
                .hasMessage("LayerNorm: weight must be [768], the last axis of blocks.3.x [8, 197, 768] f32, but"
                        + " blocks.3.norm1.weight is [512]"));
    }
}
