package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every op must satisfy on every device; a subclass adds its cases. All kernels run between guard bands into NaN,
 * see {@link GuardedBackend}.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("devices")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class OpContract {
    /** A property that, once it is true, skips what is left: one failure is enough to know of a planted bug. */
    public static final String STOP = "cloze.test.stop";

    /** A property that, if it is true, leaves out all but small cases: for tools that make kernels a thousand times slower. */
    public static final String SMALL = "cloze.test.small";

    /** Results, gradients by input, and the inputs as they were afterwards. */
    record Run(List<float[]> results, Map<Integer, float[]> gradients, List<float[]> inputs) {}

    /** What a run at one thread depends on. */
    private record Question(
            Device device, Case c, List<Integer> trainable, List<Integer> arrived, GuardedBackend.Band band) {}

    /** The references are computed once for all devices. */
    private static final Map<Class<?>, List<Case>> CASES = new ConcurrentHashMap<>();

    /** Most of the tests look at some of the same runs, each from another side. */
    private final Map<Question, Run> answers = new HashMap<>();

    @Parameter
    Device device;

    static List<Device> devices() {
        return Device.all();
    }

    abstract Stream<Case> cases();

    /** Whether the op may change that input. */
    boolean overwrites(int input, boolean training) {
        return false;
    }

    /** How tensors lie, but for the test of those that are aligned. */
    GuardedBackend.Band band() {
        return GuardedBackend.Band.ODD;
    }

    boolean differentiable() {
        return true;
    }

    final List<Case> all() {
        return CASES.computeIfAbsent(
                getClass(),
                _ -> cases().filter(c -> c.small() || !Boolean.getBoolean(SMALL))
                        .toList());
    }

    final List<Case> differentiableCases() {
        return differentiable() ? all() : List.of();
    }

    final List<Case> smallCases() {
        return all().stream().filter(Case::small).toList();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("all")
    void forward_matches_float64(Case c) {
        checkResults(c, answer(c, List.of(), List.of(), band()));
        if (differentiable()) {
            checkResults(c, answer(c, c.trainable(), List.of(), band()));
        }
    }

    private static void checkResults(Case c, Run run) {
        assertThat(c.expected()).isNotEmpty();
        assertThat(c.expected().size() + c.own())
                .isGreaterThanOrEqualTo(run.results().size());
        for (int i = 0; i < Math.min(c.expected().size(), run.results().size()); i++) {
            c.tolerance()
                    .check(
                            "result " + i,
                            c.expected().get(i).data(),
                            run.results().get(i));
        }
    }

    @ParameterizedTest(name = "{0}", allowZeroInvocations = true)
    @MethodSource("differentiableCases")
    void gradients_match_central_differences_of_float64(Case c) {
        checkGradients(c, answer(c, c.trainable(), List.of(), band()), c.trainable(), List.of());
    }

    /** Kernels read and write more at a time where addresses let them. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("all")
    void holds_where_addresses_are_aligned(Case c) {
        List<Integer> trainable = differentiable() ? c.trainable() : List.of();
        Run run = answer(c, trainable, trainable, GuardedBackend.Band.ALIGNED);
        checkResults(c, run);
        checkGradients(c, run, trainable, trainable);
    }

    @ParameterizedTest(name = "{0}", allowZeroInvocations = true)
    @MethodSource("differentiableCases")
    void a_gradient_that_nobody_wants_changes_no_other(Case c) {
        for (int input : c.trainable()) {
            checkGradients(c, answer(c, List.of(input), List.of(), band()), List.of(input), List.of());
        }
    }

    @ParameterizedTest(name = "{0}", allowZeroInvocations = true)
    @MethodSource("differentiableCases")
    void gradients_are_added_to_those_that_have_arrived(Case c) {
        List<Integer> even =
                c.trainable().stream().filter(input -> input % 2 == 0).toList();
        List<Integer> odd =
                c.trainable().stream().filter(input -> input % 2 == 1).toList();
        for (List<Integer> arrived : List.of(c.trainable(), even, odd)) {
            checkGradients(c, answer(c, c.trainable(), arrived, band()), c.trainable(), arrived);
        }
    }

    private static void checkGradients(Case c, Run run, Collection<Integer> inputs, Collection<Integer> arrived) {
        for (int input : inputs) {
            float[] gradient = run.gradients().get(input);
            if (arrived.contains(input)) {
                float[] before = earlier(c, input).floats();
                gradient = gradient.clone();
                for (int i = 0; i < before.length; i++) {
                    gradient[i] -= before[i];
                }
            }
            checkSlopes(c, input, gradient, arrived.contains(input) ? 4 : 0);
        }
    }

    /** @param added magnitude of what the gradient was added to */
    static void checkSlopes(Case c, int input, float[] gradient, double added) {
        double scale = added;
        for (Case.Slope slope : c.slopes(input)) {
            scale = Math.max(scale, Math.abs(slope.value()) / slope.root());
        }
        double tolerance = c.tolerance().ofGradient().absolute(scale);
        for (Case.Slope slope : c.slopes(input)) {
            double actual = slope.of(gradient);
            if (!(Math.abs(actual - slope.value()) <= tolerance * slope.root())) {
                throw new AssertionError(String.format(
                        Locale.ROOT,
                        "gradient of input %d, elements [%d, %d): %.9g, float64 says %.9g (%.2g)",
                        input,
                        slope.from(),
                        slope.to(),
                        actual,
                        slope.value(),
                        tolerance * slope.root()));
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("all")
    void gives_the_same_bits_twice_and_with_one_and_two_threads(Case c) {
        List<Integer> trainable = differentiable() ? c.trainable() : List.of();
        Run first = answer(c, trainable, List.of(), band());
        // Kernels of CUDA know nothing of the host's threads.
        int[] more = device.name().startsWith("cuda") ? new int[] {2} : new int[] {1, 2, 2};
        for (int threads : more) {
            Run again = run(c, threads, trainable, List.of());
            for (int i = 0; i < first.results().size(); i++) {
                assertThat(again.results().get(i))
                        .as("result %d", i)
                        .isEqualTo(first.results().get(i));
            }
            first.gradients()
                    .forEach((input, gradient) -> assertThat(again.gradients().get(input))
                            .as("gradient of input %d", input)
                            .isEqualTo(gradient));
        }
    }

    @ParameterizedTest(name = "{0}", allowZeroInvocations = true)
    @MethodSource("smallCases")
    void a_nan_shows_in_what_depends_on_it(Case c) {
        for (int input : c.trainable()) {
            Array64 x = c.inputs().get(input);
            if (x.size() > 0) {
                var inputs = new ArrayList<>(c.inputs());
                double[] spoiled = x.data().clone();
                spoiled[x.size() / 2] = Double.NaN;
                inputs.set(input, Array64.of(x.shape(), spoiled));
                Case nan = c.with(inputs);
                double[] expected = nan.expected().getFirst().data();
                float[] actual = run(nan, 1, List.of(), List.of()).results().getFirst();
                assertThat(IntStream.range(0, expected.length)
                                .filter(i -> Double.isNaN(expected[i]) && !Float.isNaN(actual[i])))
                        .as("elements that hide a NaN of input %d", input)
                        .isEmpty();
            }
        }
    }

    /** The run at one thread, which is made when the first test asks for it. */
    private Run answer(Case c, List<Integer> trainable, List<Integer> arrived, GuardedBackend.Band band) {
        return answers.computeIfAbsent(
                new Question(device, c, trainable, arrived, band), _ -> run(c, 1, trainable, arrived, band));
    }

    /** So that what is asked next is run anew. */
    final void forgetAnswers() {
        answers.clear();
    }

    final Run run(Case c, int threads, List<Integer> trainable, List<Integer> arrived) {
        return run(c, threads, trainable, arrived, band());
    }

    private Run run(Case c, int threads, List<Integer> trainable, List<Integer> arrived, GuardedBackend.Band band) {
        Assumptions.assumeFalse(Boolean.getBoolean(STOP));
        try (Backend backend = new GuardedBackend(device.open(threads), band);
                Scope scope = backend.memory().scope(c.toString())) {
            List<Tensor> inputs = upload(backend, scope, c, trainable);
            Tape tape = trainable.isEmpty() ? Tape.inference(backend, scope) : Tape.recording(backend, scope, 0, 0);
            List<Tensor> results = tape.applyAll(c.op(inputs));
            List<float[]> values = results.stream().map(backend::floats).toList();
            Map<Integer, float[]> gradients = new HashMap<>();
            if (!trainable.isEmpty()) {
                backward(c, tape, inputs, results, trainable, arrived, gradients);
            }
            List<float[]> after =
                    inputs.stream().map(input -> bits(backend, input)).toList();
            for (int i = 0; i < after.size(); i++) {
                if (!overwrites(i, !trainable.isEmpty())) {
                    assertThat(after.get(i))
                            .as("input %d, which no kernel may change", i)
                            .isEqualTo(bits(c, i));
                }
            }
            return new Run(values, gradients, after);
        }
    }

    private static float[] bits(Case c, int input) {
        Array64 x = c.inputs().get(input);
        return x.dtype() == DType.F32 ? x.floats() : bits(x.intValues());
    }

    private static float[] bits(Backend backend, Tensor x) {
        return x.dtype() == DType.F32 ? backend.floats(x) : bits(backend.ints(x));
    }

    private static float[] bits(int[] values) {
        var bits = new float[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.intBitsToFloat(values[i]);
        }
        return bits;
    }

    private static void backward(
            Case c,
            Tape tape,
            List<Tensor> inputs,
            List<Tensor> results,
            List<Integer> trainable,
            List<Integer> arrived,
            Map<Integer, float[]> into) {
        Backend backend = tape.backend();
        var gradients = new Gradients(backend, tape.scope(), null);
        List<Array64> seeds = c.seeds();
        for (int k = 1; k < seeds.size(); k++) {
            gradients.set(results.get(k), upload(tape, "seed" + k, seeds.get(k)));
        }
        for (int input : arrived) {
            gradients.set(inputs.get(input), upload(tape, "earlier" + input, earlier(c, input)));
        }
        tape.backward(results.getFirst(), upload(tape, "seed", seeds.getFirst()), gradients);
        for (int input : trainable) {
            into.put(input, backend.floats(gradients.of(inputs.get(input))));
        }
    }

    private static Array64 earlier(Case c, int input) {
        return Array64.normal(
                new SplittableRandom(4 + input), c.inputs().get(input).shape().extents());
    }

    private static List<Tensor> upload(Backend backend, Scope scope, Case c, List<Integer> trainable) {
        var tensors = new ArrayList<Tensor>();
        for (int i = 0; i < c.inputs().size(); i++) {
            Array64 array = c.inputs().get(i);
            Tensor tensor = scope.tensor("input" + i, array.shape(), array.dtype(), trainable.contains(i));
            tensors.add(
                    array.dtype() == DType.I32
                            ? backend.set(tensor, array.intValues())
                            : backend.set(tensor, array.floats()));
        }
        return tensors;
    }

    private static Tensor upload(Tape tape, String name, Array64 array) {
        return tape.backend().set(tape.scope().tensor(name, array.shape(), DType.F32), array.floats());
    }
}
