package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.ShapeException;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class RmsNormTest extends OpContract {
    private static final float EPSILON = 1e-5f;

    /** Whether there is a residual, and whether a gradient also reaches the sum. */
    private record Form(boolean residual, boolean dsum) {}

    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        var longer = new SplittableRandom(2);
        var whole = new Form(true, true);
        return Stream.concat(
                ofAllForms(random),
                Shapes.longRows()
                        .map(shape -> rmsNorm(whole, Shapes.label(shape), Array64.normal(longer, shape), longer)));
    }

    private static Stream<Case> ofAllForms(SplittableRandom random) {
        return Stream.of(new Form(false, false), new Form(true, true), new Form(true, false))
                .flatMap(form -> Stream.concat(
                        Shapes.rows()
                                .map(shape ->
                                        rmsNorm(form, Shapes.label(shape), Array64.normal(random, shape), random)),
                        Stream.of(
                                rmsNorm(
                                        form,
                                        "1e4",
                                        Array64.normal(random, 3, 37).times(1e4),
                                        random),
                                rmsNorm(
                                        form,
                                        "1e-4",
                                        Array64.normal(random, 3, 37).times(1e-4),
                                        random))));
    }

    private static Case rmsNorm(Form form, String label, Array64 x, SplittableRandom random) {
        Array64 residual = Array64.normal(random, x.shape().extents());
        Array64 weight = Array64.normal(random, x.columns());
        Case c = new Case(
                        label + " " + form,
                        Math.max(x.columns(), x.rows()),
                        form.residual ? List.of(x, residual, weight) : List.of(x, weight),
                        in -> new RmsNorm(in.get(0), form.residual ? in.get(1) : null, in.getLast(), EPSILON),
                        in -> reference(form, in))
                .values(form.dsum ? 2 : 1)
                // of one column nearly nothing of a gradient is left over
                .terms(x.columns() == 1 ? 100 : Tolerance.SMALLEST);
        return form.residual ? c.naive(Sums::fromStoredSum) : c;
    }

    private static List<Array64> reference(Form form, List<Array64> in) {
        Array64 s = form.residual ? Sums.add(in.get(0), in.get(1)) : in.get(0);
        int d = s.columns();
        var y = new double[s.size()];
        var rstds = new double[s.rows()];
        for (int r = 0; r < s.rows(); r++) {
            double square = 0;
            for (int c = 0; c < d; c++) {
                square += s.at(r * d + c) * s.at(r * d + c) / d;
            }
            rstds[r] = 1 / Math.sqrt(square + EPSILON);
            for (int c = 0; c < d; c++) {
                y[r * d + c] = s.at(r * d + c) * rstds[r] * in.getLast().at(c);
            }
        }
        var value = Array64.of(s.shape(), y);
        var rstd = Array64.of(s.shape().dropLast(), rstds);
        return form.residual ? List.of(value, s, rstd) : List.of(value, rstd);
    }

    @Test
    void rejects_a_residual_of_another_shape() {
        Tensors.with(scope -> assertThatThrownBy(() -> new RmsNorm(
                        scope.tensor("x", new Shape(2, 3), DType.F32),
                        scope.tensor("h", new Shape(3, 3), DType.F32),
                        scope.tensor("weight", new Shape(3), DType.F32),
                        EPSILON))
                .isInstanceOf(ShapeException.class)
                .hasMessage("RmsNorm: residual must be [2, 3] to fit x [2, 3] f32, but h is [3, 3]"));
    }
}
