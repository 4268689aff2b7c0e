package cloze.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.op.Activation;
import cloze.op.Add;
import cloze.op.MatMul;
import cloze.op.SoftmaxCrossEntropy;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Map;
import org.junit.jupiter.api.Test;

class GradientsTest {
    private static final int N = 6;
    private static final int D = 5;

    /** The gradient of a classifier's weight after some micro-batches. */
    private static final class Classifier implements AutoCloseable {
        private final Graph graph = new Graph();
        private final Tensor weight = graph.leaf("weight", D, D);
        private final Tensor unused = graph.leaf("unused", D);
        private final Tensor dweight = graph.scope.tensor("dweight", weight.shape(), DType.F32);
        private final Tensor dunused = graph.scope.tensor("dunused", unused.shape(), DType.F32);
        private final ParameterGradients parameters =
                new ParameterGradients(graph.backend, Map.of(weight, dweight, unused, dunused));

        float step(String batch, boolean twice) {
            Tape tape = graph.tape();
            Tensor x = graph.constant(batch, N, D);
            Tensor targets = graph.backend.set(graph.scope.tensor("t", new Shape(N), DType.I32), 0, 1, 2, 3, 4, -1);
            Tensor h = twice ? tape.apply(new MatMul(x, weight, null, Activation.TANH)) : x;
            Tensor logits = tape.apply(new MatMul(h, weight, null, Activation.NONE));
            Tensor loss = tape.apply(new SoftmaxCrossEntropy(logits, targets));
            tape.backward(loss, parameters);
            return graph.backend.scalar(loss);
        }

        float[] gradient() {
            return graph.backend.floats(dweight);
        }

        @Override
        public void close() {
            graph.close();
        }
    }

    @Test
    void parameter_gradients_are_summed_until_they_are_reset() {
        try (var classifier = new Classifier()) {
            classifier.step("batch 1", false);
            float[] first = classifier.gradient();
            classifier.step("batch 2", false);
            float[] both = classifier.gradient();
            classifier.parameters.reset();
            classifier.step("batch 2", false);
            float[] second = classifier.gradient();
            for (int i = 0; i < both.length; i++) {
                assertThat(both[i]).isEqualTo(first[i] + second[i]);
            }
        }
    }

    @Test
    void a_parameter_used_twice_sums_both_gradients() {
        try (var classifier = new Classifier()) {
            classifier.step("batch", true);
            float[] gradient = classifier.gradient();
            float h = 1e-2f;
            for (int i = 0; i < gradient.length; i += 4) {
                double slope = (moved(classifier, i, h) - moved(classifier, i, -h)) / (2.0 * h);
                assertThat((double) gradient[i]).isCloseTo(slope, within(1e-3));
            }
        }
    }

    private static float moved(Classifier classifier, int i, float by) {
        float[] values = classifier.graph.backend.floats(classifier.weight);
        float[] changed = values.clone();
        changed[i] += by;
        classifier.graph.backend.set(classifier.weight, changed);
        float loss = classifier.step("batch", true);
        classifier.graph.backend.set(classifier.weight, values);
        return loss;
    }

    @Test
    void complete_zeroes_what_nothing_has_reached() {
        try (var classifier = new Classifier()) {
            classifier.step("batch", false);
            float[] before = classifier.gradient();
            classifier.parameters.complete();
            assertThat(classifier.graph.backend.floats(classifier.dunused)).containsOnly(0);
            assertThat(classifier.gradient()).isEqualTo(before);
        }
    }

    @Test
    void a_gradient_that_has_not_arrived_is_an_error() {
        try (var graph = new Graph()) {
            Tensor x = graph.leaf("blocks.3.x", N, D);
            var gradients = new Gradients(graph.backend, graph.scope, null);
            assertThatThrownBy(() -> gradients.of(x)).hasMessage("no gradient has reached blocks.3.x [6, 5] f32");
        }
    }

    @Test
    void a_gradient_can_not_be_set_twice() {
        try (var graph = new Graph()) {
            Tensor x = graph.leaf("x", N, D);
            var gradients = new Gradients(graph.backend, graph.scope, null);
            gradients.set(x, graph.leaf("seed", N, D));
            assertThatThrownBy(() -> gradients.set(x, graph.leaf("seed", N, D)))
                    .hasMessage("a gradient has already reached x [6, 5] f32");
        }
    }

    @Test
    void a_tensor_added_to_itself_gets_its_gradient_twice() {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor x = graph.leaf("x", N, D);
            assertThat(graph.gradients(tape, tape.apply(new Add(x, x))).get("x"))
                    .containsOnly(2);
        }
    }
}
