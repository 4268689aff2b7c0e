package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class GeluTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.of(Activation.GELU_ERF, Activation.GELU_TANH)
                .flatMap(form -> Stream.concat(
                        Shapes.rows()
                                .map(shape -> gelu(
                                        Shapes.label(shape),
                                        Array64.normal(random, shape).times(2),
                                        form)),
                        Stream.of(
                                gelu("1e4", Array64.normal(random, 3, 37).times(1e4), form),
                                gelu("tails", Array64.zeros(2, 201).map(_ -> random.nextDouble(-9, 9)), form),
                                gelu("tiny", Array64.normal(random, 3, 7).times(1e-30), form))));
    }

    private static Case gelu(String label, Array64 x, Activation form) {
        return new Case(
                form + " " + label,
                1,
                List.of(x),
                in -> new Gelu(in.getFirst(), form),
                in -> List.of(
                        Array64.of(x.shape(), Scalars.each(in.getFirst().data(), v -> Scalars.activation(form, v)))));
    }

    @Test
    void rejects_a_form_that_is_no_gelu() {
        Tensors.with(scope -> assertThatThrownBy(
                        () -> new Gelu(scope.tensor("x", new Shape(3), DType.F32), Activation.RELU))
                .hasMessage("Gelu: form must be GELU_ERF or GELU_TANH, but it is RELU"));
    }
}
