package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Precision;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Matrix multiplications, convolutions and recurrences in tf32 on devices that have it, on the cases of their contracts, against the same device in
 * f32, which the contracts hold to float64. Each factor is off by at most half a unit of its 10 bits, 2^-11, of either sign: errors of a
 * sum grow as the sum does, with the square root of its length. Results may be off by four times that of the largest,
 * gradients, whose factor is a slope at a result, by eight times.
 */
class Tf32Test {
    private static final double HALF_UNIT = 0x1p-11;
    private static final double FORWARD = 4 * HALF_UNIT;
    private static final double BACKWARD = 8 * HALF_UNIT;

    private record Run(List<float[]> results, List<float[]> gradients) {}

    /** @param by own kernels in any order of threads, or those of a library */
    private record Exact(Case c, String by) {}

    /** The runs in f32, which orders of threads have in common. */
    private static final Map<Exact, Run> EXACT = new ConcurrentHashMap<>();

    static Stream<Arguments> cases() {
        return Stream.concat(
                Stream.concat(Device.all().stream(), Device.cublasLt().stream())
                        .flatMap(device -> cases(new MatMulTest(), device)),
                Stream.concat(
                        Stream.concat(Device.all().stream(), Device.cudnn().stream())
                                .flatMap(device -> cases(new Conv2dTest(), device)),
                        Stream.of(
                                        Device.all(),
                                        Device.cublasLt().stream().limit(1).toList(),
                                        Device.cudnn())
                                .flatMap(List::stream)
                                .flatMap(device -> cases(new LstmTest(), device))));
    }

    private static Stream<Arguments> cases(OpContract contract, Device device) {
        return contract.all().stream()
                .filter(_ -> device.name().startsWith("cuda"))
                .map(c -> Arguments.of(c, device));
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("cases")
    void is_close_to_f32(Case c, Device device) {
        var asked = new Exact(c, device.name().replaceAll("seed \\d+", "own"));
        Run exact = EXACT.computeIfAbsent(asked, _ -> run(c, device, Precision.FP32));
        Run rounded = run(c, device, Precision.TF32);
        for (int i = 0; i < exact.results().size() - c.own(); i++) {
            check("result " + i, exact.results().get(i), rounded.results().get(i), FORWARD);
        }
        boolean kink =
                c.toString().contains(Activation.RELU.name()); // a result next to 0 takes its slope from either side
        for (int i = 0; i < exact.gradients().size() && !kink; i++) {
            check("gradient " + i, exact.gradients().get(i), rounded.gradients().get(i), BACKWARD);
        }
        if (exact.results().getFirst().length > 100) {
            assertThat(rounded.results().getFirst())
                    .isNotEqualTo(exact.results().getFirst());
        }
    }

    private static void check(String what, float[] exact, float[] rounded, double share) {
        double largest = 0.1; // activations far out are nothing but a tail
        for (float value : exact) {
            largest = Math.max(largest, Math.abs(value));
        }
        for (int i = 0; i < exact.length; i++) {
            assertThat((double) Math.abs(rounded[i] - exact[i]))
                    .as("%s, element %d: %s in tf32, %s in f32", what, i, rounded[i], exact[i])
                    .isLessThanOrEqualTo(share * largest);
        }
    }

    private static Run run(Case c, Device device, Precision precision) {
        try (Backend backend = device.open(BackendOptions.DEFAULT.withPrecision(precision));
                Scope scope = backend.memory().scope(c.toString())) {
            var inputs = new ArrayList<Tensor>();
            for (Array64 x : c.inputs()) {
                inputs.add(backend.set(scope.tensor("input" + inputs.size(), x.shape(), DType.F32, true), x.floats()));
            }
            Tape tape = Tape.recording(backend, scope, 0, 0);
            List<Tensor> results = tape.applyAll(c.op(inputs));
            List<float[]> values = results.stream().map(backend::floats).toList();
            var arrived = new Gradients(backend, scope, null);
            Tensor y = results.getFirst();
            Tensor seed = scope.tensor("seed", y.shape(), DType.F32);
            tape.backward(y, backend.set(seed, c.seeds().getFirst().floats()), arrived);
            return new Run(
                    values,
                    inputs.stream()
                            .map(input -> backend.floats(arrived.of(input)))
                            .toList());
        }
    }
}
