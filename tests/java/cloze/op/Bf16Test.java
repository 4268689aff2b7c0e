package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every op in bf16 on devices that have it, on the cases of its contract, with inputs that bf16 holds exactly. From float64,
 * results may be off by twice as much as a naive computation in bf16 is, see {@link NaiveBf16}, gradients by three times as
 * much, over each whole tensor; and by what f32 may be off in the contract.
 */
class Bf16Test {
    private static final double FORWARD = 2;
    private static final double BACKWARD = 3;

    /** Those of all ops that have gradients; a test of the list of kernels says that each op has one. */
    private static final List<OpContract> CONTRACTS = Arrays.stream(Op.class.getPermittedSubclasses())
            .map(Bf16Test::contract)
            .filter(OpContract::differentiable)
            .toList();

    private static OpContract contract(Class<?> op) {
        try {
            return Class.forName(op.getName() + "Test")
                    .asSubclass(OpContract.class)
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(op + " has no contract", e);
        }
    }

    private static final List<Example> EXAMPLES = CONTRACTS.stream()
            .flatMap(contract -> contract.all().stream()
                    .filter(c -> c.small() || hasTiles(contract, c))
                    .map(c -> new Example(contract, c)))
            .toList();

    /** Tiles are larger than small cases. */
    private static boolean hasTiles(OpContract contract, Case c) {
        return switch (contract) {
            case MatMulTest _, Conv2dTest _ -> true;
            case LstmTest _ -> !c.toString().startsWith("wide ");
            case AttentionTest _ -> c.inputs().getFirst().size() < 10_000;
            default -> false;
        };
    }

    /** A case in bf16, with the errors that a naive computation makes; all devices have them in common. */
    static final class Example {
        final OpContract contract;
        final Case c;
        private @Nullable NaiveBf16 computed;

        Example(OpContract contract, Case c) {
            this.contract = contract;
            this.c = NaiveBf16.rounded(c, input -> !isVector(contract, c, input));
        }

        synchronized NaiveBf16 naive() {
            NaiveBf16 naive = computed;
            if (naive == null) {
                naive = NaiveBf16.of(c);
                computed = naive;
            }
            return naive;
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%s: %s", contract.getClass().getSimpleName(), c);
        }
    }

    /** Weights and biases of norms and matrix multiplications, and mask tokens, which stay f32. */
    private static boolean isVector(OpContract contract, Case c, int input) {
        return !(contract instanceof AddTest)
                && input > 0
                && c.inputs().get(input).shape().rank() == 1;
    }

    static Stream<Arguments> cases() {
        List<Device> devices = Device.all().stream()
                .filter(device -> device.name().startsWith("cuda"))
                .toList();
        return EXAMPLES.stream()
                .flatMap(example -> Stream.concat(devices.stream(), libraries(example.contract))
                        .map(device -> Arguments.of(example, device)));
    }

    static Stream<Example> small() {
        return EXAMPLES.stream().filter(example -> example.c.hasNaive() && example.c.small());
    }

    private static Stream<Device> libraries(OpContract contract) {
        return switch (contract) {
            case MatMulTest _ -> Device.cublasLt().stream();
            case LstmTest _ -> Device.cublasLt().stream().limit(1);
            case Conv2dTest _ -> Device.cudnn().stream();
            default -> Stream.empty();
        };
    }

    /** A tensor that an op has made. */
    private static final class Output {
        final float[] values;
        final DType dtype;

        Output(Backend backend, Tensor tensor) {
            values = backend.floats(tensor);
            dtype = tensor.dtype();
        }

        void check(String what, Array64 exact, double bound) {
            assertThat(values).as(what).hasSize(exact.size());
            for (int i = 0; i < values.length; i++) {
                if (values[i] != exact.at(i)) { // as infinities may be
                    assertThat(Math.abs(values[i] - exact.at(i)))
                            .as("%s, element %d: %s, which is %s in float64", what, i, values[i], exact.at(i))
                            .isLessThanOrEqualTo(bound);
                }
            }
        }
    }

    private record Run(List<Output> results, Map<Integer, Output> gradients) {}

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("cases")
    void is_as_close_to_float64_as_a_naive_computation_in_bf16(Example example, Device device) {
        Tolerance f32 = example.c.tolerance();
        NaiveBf16 naive = example.naive();
        Run run = run(example, device);
        for (int i = 0; i < naive.results().size(); i++) {
            Output result = run.results.get(i);
            double bound = naive.results().get(i).bound(FORWARD, result.dtype, f32);
            result.check("result " + i, naive.results().get(i).exact(), bound);
        }
        assertThat(run.gradients.keySet()).isEqualTo(naive.gradients().keySet());
        run.gradients.forEach((input, gradient) -> {
            NaiveBf16.Errors errors = naive.gradients().get(input);
            double bound = errors.bound(BACKWARD, gradient.dtype, f32.ofGradient());
            gradient.check("gradient of input " + input, errors.exact(), bound);
        });
    }

    /** Its gradients are written out, the reference's are differences. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("small")
    void what_a_naive_computation_makes_is_right_where_nothing_is_rounded(Example example) {
        Case c = example.c;
        Values values = c.naive(DoubleUnaryOperator.identity());
        for (int i = 0; i < c.expected().size(); i++) {
            Array64 result = values.results().get(i);
            c.tolerance().check("result " + i, c.expected().get(i).data(), result.floats());
        }
        assertThat(values.gradients().keySet()).containsExactlyElementsOf(c.trainable());
        values.gradients().forEach((input, gradient) -> OpContract.checkSlopes(c, input, gradient.floats(), 0));
    }

    private static Run run(Example example, Device device) {
        Case c = example.c;
        try (Backend backend = device.open(1);
                Scope scope = backend.memory().scope(c.toString())) {
            var inputs = new ArrayList<Tensor>();
            for (int i = 0; i < c.inputs().size(); i++) {
                DType real = isVector(example.contract, c, i) ? DType.F32 : DType.BF16;
                boolean trainable = c.trainable().contains(i);
                inputs.add(upload(backend, scope, c.inputs().get(i), real, trainable));
            }
            Tape tape = Tape.recording(backend, scope, 0, 0);
            List<Tensor> results = tape.applyAll(c.op(inputs));
            var run = new Run(new ArrayList<>(), new HashMap<>());
            results.forEach(result -> run.results.add(new Output(backend, result)));
            var seeds = new ArrayList<Tensor>();
            for (Array64 seed : c.seeds()) {
                DType real = results.get(seeds.size()).dtype();
                seeds.add(upload(backend, scope, seed, real, false));
            }
            var arrived = new Gradients(backend, scope, null);
            for (int k = 1; k < seeds.size(); k++) {
                arrived.set(results.get(k), seeds.get(k));
            }
            tape.backward(results.getFirst(), seeds.getFirst(), arrived);
            for (int input : c.trainable()) {
                run.gradients.put(input, new Output(backend, arrived.of(inputs.get(input))));
            }
            return run;
        }
    }

    private static Tensor upload(Backend backend, Scope scope, Array64 x, DType real, boolean trainable) {
        DType dtype = x.dtype() == DType.I32 ? DType.I32 : real;
        Tensor tensor = scope.tensor("x", x.shape(), dtype, trainable);
        return switch (dtype) {
            case I32 -> backend.set(tensor, x.intValues());
            case BF16 -> Bf16.set(backend, tensor, x);
            default -> backend.set(tensor, x.floats());
        };
    }
}
