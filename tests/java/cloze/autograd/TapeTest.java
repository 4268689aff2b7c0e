package cloze.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.op.Activation;
import cloze.op.Add;
import cloze.op.Dropout;
import cloze.op.DropoutKey;
import cloze.op.Gelu;
import cloze.op.MatMul;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TapeTest {
    private static final int N = 7;
    private static final int D = 33;

    private static Tensor gelu(Tape tape, Tensor x) {
        return tape.apply(new Gelu(x, Activation.GELU_TANH));
    }

    /** Two layers with dropout and a sum around them. */
    private static Tensor block(Graph graph, Tape tape, String name, Tensor x) {
        var up = new MatMul(
                x, graph.leaf(name + ".fc1", 2 * D, D), graph.leaf(name + ".bias", 2 * D), Activation.GELU_TANH);
        Tensor dropped = tape.apply(new Dropout(tape.apply(up), tape.dropout(0.3f)));
        var down = new MatMul(dropped, graph.leaf(name + ".fc2", D, 2 * D), null, Activation.NONE);
        return tape.apply(new Add(x, tape.apply(new Dropout(tape.apply(down), tape.dropout(0.1f)))));
    }

    private static Tensor run(Graph graph, Tape tape, String name, Tensor x, boolean recompute) {
        Tape.Block block = (inner, in) -> List.of(block(graph, inner, name, in.getFirst()));
        return (recompute ? tape.recompute(name, List.of(x), block) : tape.block(name, List.of(x), block)).getFirst();
    }

    private static Map<String, float[]> blocks(boolean recompute) {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor x = graph.leaf("x", N, D);
            for (int i = 0; i < 3; i++) {
                String name = "blocks." + i;
                x = run(graph, tape, name, x, recompute);
            }
            Tensor y = gelu(tape, x);
            Map<String, float[]> gradients = graph.gradients(tape, y);
            gradients.put("y", graph.backend.floats(y));
            return gradients;
        }
    }

    @Test
    void recompute_gives_the_same_bits_dropout_included() {
        Map<String, float[]> kept = blocks(false);
        Map<String, float[]> again = blocks(true);
        assertThat(again).containsOnlyKeys(kept.keySet());
        kept.forEach((name, values) -> assertThat(again.get(name)).as(name).isEqualTo(values));
    }

    @Test
    void a_recomputed_block_may_hand_an_input_on() {
        assertThat(handedOn(true)).containsExactly(handedOn(false));
    }

    private static float[] handedOn(boolean recompute) {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor x = gelu(tape, graph.leaf("x", N, D));
            Tape.Block block = (inner, in) -> List.of(gelu(inner, in.getFirst()), in.getFirst());
            List<Tensor> results =
                    recompute ? tape.recompute("b", List.of(x), block) : tape.block("b", List.of(x), block);
            Tensor y = tape.apply(new Add(results.get(0), results.get(1)));
            return graph.gradients(tape, y).get("x");
        }
    }

    @Test
    void the_same_seed_and_step_give_the_same_bits() {
        assertThat(blocks(false).get("x")).isEqualTo(blocks(false).get("x"));
    }

    @Test
    void a_result_that_backward_has_passed_was_released() {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor h = gelu(tape, graph.leaf("x", N, D));
            Tensor y = gelu(tape, h);
            graph.gradients(tape, y);
            assertThatThrownBy(h::memory).hasMessage("y [7, 33] f32 was released in scope 'step 1'");
            y.memory();
        }
    }

    @Test
    void backward_frees_as_it_goes() {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor x = graph.leaf("x", 64, 4096);
            long one = x.bytes();
            for (int i = 0; i < 12; i++) {
                x = gelu(tape, x);
            }
            long forward = graph.backend.memory().bytesUsed();
            assertThat(forward).isBetween(13 * one, 14 * one);
            long mapped = graph.backend.memory().peakBytes();
            graph.gradients(tape, x);
            // the seed, one gradient on its way, and what the guard bands of one call take
            assertThat(graph.backend.memory().peakBytes() - mapped).isLessThan(32L << 20);
            assertThat(graph.backend.memory().bytesUsed()).isLessThan(5 * one);
        }
    }

    @Test
    void recompute_keeps_only_the_values_of_blocks() {
        assertThat(bytesAfterForward(true)).isLessThan(bytesAfterForward(false) / 2);
    }

    private static long bytesAfterForward(boolean recompute) {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor x = graph.leaf("x", N, D);
            block(graph, tape, "b", x);
            long before = graph.backend.memory().bytesUsed();
            for (int i = 0; i < 10; i++) {
                x = run(graph, tape, "b", x, recompute);
            }
            return graph.backend.memory().bytesUsed() - before;
        }
    }

    @Test
    void inference_keeps_only_the_value_of_a_block_and_drops_nothing() {
        try (var graph = new Graph()) {
            Tape tape = Tape.inference(graph.backend, graph.scope);
            Tensor x = graph.leaf("x", N, D);
            block(graph, tape, "b", x);
            assertThat(tape.dropout(0.5f)).isEqualTo(DropoutKey.NONE);
            long before = graph.backend.memory().bytesUsed();
            Tensor y = run(graph, tape, "b", x, false);
            assertThat(graph.backend.memory().bytesUsed() - before).isLessThanOrEqualTo(y.bytes() + 128);
            assertThat(graph.backend.floats(y))
                    .isEqualTo(graph.backend.floats(block(graph, tape, "b", x)))
                    .isEqualTo(graph.backend.floats(run(graph, tape, "b", x, true)));
        }
    }

    @Test
    void each_draw_and_each_step_has_numbers_of_its_own() {
        try (var graph = new Graph()) {
            var keys = new ArrayList<DropoutKey>();
            for (int step = 0; step < 3; step++) {
                Tape tape = Tape.recording(graph.backend, graph.scope, 11, step);
                keys.addAll(List.of(tape.dropout(0.1f), tape.dropout(0.1f)));
                assertThat(tape.dropout(0)).isEqualTo(DropoutKey.NONE);
            }
            assertThat(keys).doesNotHaveDuplicates();
            assertThat(Tape.recording(graph.backend, graph.scope, 11, 2).dropout(0.1f))
                    .isEqualTo(keys.get(4));
        }
    }

    @Test
    void a_branch_that_the_loss_does_not_see_gets_no_gradient() {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor x = graph.leaf("x", N, D);
            Tensor unused = graph.constant("unused", N, D);
            Tensor y = gelu(tape, x);
            tape.apply(new Add(gelu(tape, x), unused));
            float[] withBranch = graph.gradients(tape, y).get("x");
            Tape plain = graph.tape();
            assertThat(withBranch)
                    .isEqualTo(graph.gradients(plain, gelu(plain, x)).get("x"));
        }
    }

    @Test
    void results_belong_to_the_scope_of_their_tape() {
        try (var graph = new Graph()) {
            Tensor y;
            try (Scope inner = graph.scope.child("inner")) {
                y = gelu(Tape.recording(graph.backend, inner, 0, 0), graph.leaf("x", N, D));
            }
            assertThatThrownBy(y::memory).hasMessage("y [7, 33] f32 was freed when scope 'step 1/inner' closed");
        }
    }

    private static void backward(Graph graph, Tape tape, Tensor loss) {
        tape.backward(loss, new ParameterGradients(graph.backend, Map.of()));
    }

    private static Tensor scalar(Graph graph, Tape tape) {
        return gelu(tape, graph.leaf("x", 1));
    }

    @Test
    void backward_from_a_value_that_is_no_scalar_is_refused() {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor y = gelu(tape, graph.leaf("x", N, D));
            assertThatThrownBy(() -> backward(graph, tape, y))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("backward: loss must be a scalar, [1] f32, but it is y [7, 33] f32");
        }
    }

    @Test
    void a_gradient_of_another_shape_is_refused() {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor y = gelu(tape, graph.leaf("x", N, D));
            assertThatThrownBy(() ->
                            tape.backward(y, graph.leaf("dy", D), new Gradients(graph.backend, tape.scope(), null)))
                    .hasMessage("backward: the gradient of y [7, 33] f32 must have its shape, but it is dy [33] f32");
        }
    }

    @Test
    void backward_on_a_tape_for_inference_is_refused() {
        try (var graph = new Graph()) {
            Tape tape = Tape.inference(graph.backend, graph.tape().scope());
            Tensor y = scalar(graph, tape);
            assertThatThrownBy(() -> backward(graph, tape, y))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "backward: the tape must be a recording one, but y [1] f32 was computed by one for inference");
        }
    }

    @Test
    void backward_twice_is_refused() {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor y = scalar(graph, tape);
            backward(graph, tape, y);
            assertThatThrownBy(() -> backward(graph, tape, y))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith(
                            "backward: the tape must be fresh, but an earlier backward has consumed it");
        }
    }

    @Test
    void backward_from_what_the_tape_has_not_computed_is_refused() {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            var _ = scalar(graph, tape);
            assertThatThrownBy(() -> backward(graph, tape, graph.leaf("other", 1)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "backward: the value must be computed by this tape from a trainable tensor, but other [1] f32 is not");
        }
    }
}
