package cloze.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.op.Activation;
import cloze.op.Add;
import cloze.op.Gelu;
import cloze.op.LayerNorm;
import cloze.op.MatMul;
import cloze.op.RmsNorm;
import cloze.op.Tolerance;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Gradients through {@code s = x + residual} share buffers. Whatever else uses x, the residual and s, and in whatever
 * order, they must be those of the same graph with a plain {@link Add}.
 */
class ResidualTest {
    private static final int N = 5;
    private static final int D = 19;

    /** A user of x, of the residual, of the sum, and the norm itself, which makes the sum. */
    enum Use {
        NORM,
        OF_X,
        OF_RESIDUAL,
        OF_SUM
    }

    /** How x and the residual come about, and in which order what is used. */
    record Order(String sources, List<Use> uses) {}

    static Stream<Order> orders() {
        return Stream.of(
                        "leaves",
                        "the same",
                        "x by a product",
                        "residual by a product",
                        "constant x",
                        "constant residual")
                .flatMap(sources -> permutations(List.of(Use.values()))
                        .flatMap(uses -> Stream.iterate(uses, u -> u.size() > 0, u -> u.subList(0, u.size() - 1)))
                        .filter(ResidualTest::normComesBeforeTheSum)
                        .distinct()
                        .map(uses -> new Order(sources, uses)));
    }

    private static boolean normComesBeforeTheSum(List<Use> uses) {
        int norm = uses.indexOf(Use.NORM);
        int sum = uses.indexOf(Use.OF_SUM);
        return norm >= 0 && (sum < 0 || norm < sum);
    }

    private static Stream<List<Use>> permutations(List<Use> uses) {
        if (uses.isEmpty()) {
            return Stream.of(List.of());
        }
        return uses.stream().flatMap(first -> {
            var rest = new ArrayList<>(uses);
            rest.remove(first);
            return permutations(rest).map(tail -> {
                var all = new ArrayList<>(List.of(first));
                all.addAll(tail);
                return all;
            });
        });
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("orders")
    void a_layer_norm_with_a_residual_has_the_gradients_of_a_sum_and_a_norm(Order order) {
        assertSame(
                gradients(
                        order,
                        (graph, tape) -> (x, residual) -> tape.applyAll(
                                new LayerNorm(x, residual, graph.leaf("weight", D), graph.leaf("bias", D), 1e-5f))),
                gradients(order, (graph, tape) -> (x, residual) -> {
                    Tensor s = tape.apply(new Add(x, residual));
                    var norm = new LayerNorm(s, graph.leaf("weight", D), graph.leaf("bias", D), 1e-5f);
                    return List.of(tape.apply(norm), s);
                }));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("orders")
    void an_rms_norm_with_a_residual_has_the_gradients_of_a_sum_and_a_norm(Order order) {
        assertSame(
                gradients(
                        order,
                        (graph, tape) -> (x, residual) ->
                                tape.applyAll(new RmsNorm(x, residual, graph.leaf("weight", D), 1e-5f))),
                gradients(order, (graph, tape) -> (x, residual) -> {
                    Tensor s = tape.apply(new Add(x, residual));
                    return List.of(tape.apply(new RmsNorm(s, graph.leaf("weight", D), 1e-5f)), s);
                }));
    }

    private static Map<String, float[]> gradients(
            Order order, BiFunction<Graph, Tape, BiFunction<Tensor, Tensor, List<Tensor>>> norm) {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor x = source(graph, tape, "x", order.sources);
            Tensor residual = order.sources.equals("the same") ? x : source(graph, tape, "residual", order.sources);
            Tensor sum = x;
            Tensor total = null;
            for (Use use : order.uses) {
                Tensor term;
                if (use == Use.NORM) {
                    List<Tensor> results = norm.apply(graph, tape).apply(x, residual);
                    term = results.get(0);
                    sum = results.get(1);
                } else {
                    Tensor used = use == Use.OF_X ? x : use == Use.OF_RESIDUAL ? residual : sum;
                    term = tape.apply(new Gelu(used, Activation.GELU_ERF));
                }
                total = total == null ? term : tape.apply(new Add(total, term));
            }
            // a factor that differs by element, so that no sum over a row cancels
            Tensor mixed = tape.apply(new MatMul(total, graph.leaf("mix", D, D), null, Activation.NONE));
            return graph.gradients(tape, mixed);
        }
    }

    private static Tensor source(Graph graph, Tape tape, String name, String sources) {
        if (sources.equals(name + " by a product")) {
            // with an activation: its backward may overwrite the gradient that it is given
            var product = new MatMul(
                    graph.leaf("input", N, D), graph.leaf("product", D, D), graph.leaf("b", D), Activation.GELU_TANH);
            return tape.apply(product);
        }
        return sources.equals("constant " + name) ? graph.constant(name, N, D) : graph.leaf(name, N, D);
    }

    private static void assertSame(Map<String, float[]> fused, Map<String, float[]> plain) {
        assertThat(fused).containsOnlyKeys(plain.keySet());
        plain.forEach((name, gradient) -> {
            var expected = new double[gradient.length];
            for (int i = 0; i < expected.length; i++) {
                expected[i] = gradient[i];
            }
            new Tolerance(4 * D).check("gradient of " + name, expected, fused.get(name));
        });
    }

    @Test
    void a_chain_of_residual_blocks_has_the_gradients_of_sums_and_norms() {
        assertSame(chain(true), chain(false));
    }

    private static Map<String, float[]> chain(boolean fused) {
        try (var graph = new Graph()) {
            Tape tape = graph.tape();
            Tensor residual = graph.leaf("x", N, D);
            Tensor branch = tape.apply(new Gelu(residual, Activation.GELU_TANH));
            for (int block = 0; block < 4; block++) {
                Tensor weight = graph.leaf("weight" + block, D);
                Tensor normed;
                if (fused) {
                    List<Tensor> results = tape.applyAll(new LayerNorm(branch, residual, weight, null, 1e-5f));
                    normed = results.get(0);
                    residual = results.get(1);
                } else {
                    residual = tape.apply(new Add(branch, residual));
                    normed = tape.apply(new LayerNorm(residual, weight, null, 1e-5f));
                }
                branch = tape.apply(new MatMul(normed, graph.leaf("fc" + block, D, D), null, Activation.GELU_TANH));
            }
            return graph.gradients(tape, tape.apply(new Add(branch, residual)));
        }
    }
}
