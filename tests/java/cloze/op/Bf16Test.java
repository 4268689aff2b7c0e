package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every op in bf16 on devices that have it, on the cases of its contract, with inputs that bf16 holds exactly, against the
 * same device in f32, which the contracts hold to float64. What a computation in bf16 can not avoid is half a unit in
 * the last place, 2^-9 of the largest value: results may be off by twice that, gradients, which read stored results, by
 * three times. Norms have one more rounding, of the residual sum, and magnify it by its size over its spread; products
 * by cuBLASLt have one or two, since it takes a bias of the result's type, and activations that it has not read what it
 * has stored; and a bias is added to what cuDNN has stored.
 */
class Bf16Test {
    private static final double HALF_UNIT = 0x1p-9;

    private static final double FORWARD = 2 * HALF_UNIT;
    private static final double FORWARD_WITH_MORE = 4 * HALF_UNIT;
    private static final double BACKWARD = 3 * HALF_UNIT;

    /** Gradients far smaller than the terms of their sums, which are near 1, keep no more digits than those. */
    private static final double LEAST_SCALE = 0.02;

    private static final List<OpContract> CONTRACTS = List.of(
            new AddTest(),
            new AttentionTest(),
            new Conv2dTest(),
            new DropPathTest(),
            new DropoutTest(),
            new EmbeddingTest(),
            new GatherTokensTest(),
            new GeluTest(),
            new LayerNormTest(),
            new LstmTest(),
            new MaskedL1Test(),
            new MaskedSoftmaxTest(),
            new MaskedMseTest(),
            new MatMulTest(),
            new MeanPoolTest(),
            new PatchifyTest(),
            new RestoreTokensTest(),
            new RmsNormTest(),
            new RopeTest(),
            new SoftTargetCrossEntropyTest(),
            new SoftmaxCrossEntropyTest(),
            new SwiGluTest());

    /** Weights and biases of norms and products, and mask tokens, which stay f32. */
    private static boolean isVector(OpContract contract, Case c, int input) {
        return !(contract instanceof AddTest)
                && input > 0
                && c.inputs().get(input).shape().rank() == 1;
    }

    static Stream<Arguments> cases() {
        List<Device> devices = Device.all().stream()
                .filter(device -> device.name().startsWith("cuda"))
                .toList();
        return CONTRACTS.stream()
                .flatMap(contract -> contract.all().stream()
                        .filter(c -> fits(contract, c))
                        .flatMap(c -> Stream.concat(devices.stream(), libraries(contract))
                                .map(device -> Arguments.of(contract, c, device))));
    }

    private static Stream<Device> libraries(OpContract contract) {
        return switch (contract) {
            case MatMulTest _ -> Device.cublasLt().stream();
            case LstmTest _ -> Device.cublasLt().stream().limit(1);
            case Conv2dTest _ -> Device.cudnn().stream();
            default -> Stream.empty();
        };
    }

    /** Vectors are told by their rank; and bf16 does not hold a spread of 1 around a mean of 1000. */
    private static boolean fits(OpContract contract, Case c) {
        boolean product = contract instanceof Conv2dTest || c.toString().contains("activation=NONE");
        return (c.small() || product) // tiles of products are larger than small cases
                && c.inputs().getFirst().shape().rank() > 1
                && !c.toString().contains("mean of 1e3");
    }

    private record Run(List<float[]> results, List<float[]> gradients) {}

    @ParameterizedTest(name = "{0}: {1} on {2}")
    @MethodSource("cases")
    void is_close_to_f32(OpContract contract, Case c, Device device) {
        Run exact = run(contract, c, device, DType.F32);
        Run rounded = run(contract, c, device, DType.BF16);
        boolean more = contract instanceof LayerNormTest
                || contract instanceof RmsNormTest
                || device.name().matches(".*cu(BLASLt|DNN).*");
        String what = "%s %s".formatted(contract.getClass().getSimpleName(), c);
        // of statistics too: a mean is as exact as what it is of
        boolean roundsInside = contract instanceof MatMulTest && device.name().contains("cuBLASLt");
        double scale = roundsInside ? largestRounded(contract, c, exact) : 0;
        for (int i = 0; i < exact.results().size(); i++) {
            scale = Math.max(scale, largest(exact.results().get(i)));
            double tolerance = scale * (more ? FORWARD_WITH_MORE : FORWARD);
            check(
                    what + ", result " + i,
                    exact.results().get(i),
                    rounded.results().get(i),
                    tolerance);
        }
        for (int i = 0; i < exact.gradients().size(); i++) {
            double tolerance = BACKWARD * Math.max(largest(exact.gradients().get(i)), LEAST_SCALE);
            check(
                    what + ", gradient " + i,
                    exact.gradients().get(i),
                    rounded.gradients().get(i),
                    tolerance);
        }
    }

    /** Of what cuBLASLt's products round on their way: a bias, and what an activation reads. */
    private static double largestRounded(OpContract contract, Case c, Run exact) {
        double largest = 0;
        for (float[] result : exact.results()) {
            largest = Math.max(largest, largest(result));
        }
        for (int i = 0; i < c.inputs().size(); i++) {
            if (isVector(contract, c, i)) {
                largest = Math.max(largest, largest(c.inputs().get(i).floats()));
            }
        }
        return largest;
    }

    private static double largest(float[] values) {
        double largest = 0;
        for (float value : values) {
            largest = Float.isFinite(value) ? Math.max(largest, Math.abs(value)) : largest;
        }
        return largest;
    }

    private static void check(String what, float[] exact, float[] rounded, double tolerance) {
        for (int i = 0; i < exact.length; i++) {
            if (Float.isFinite(exact[i])) {
                assertThat((double) Math.abs(rounded[i] - exact[i]))
                        .as("%s, element %d: %s in bf16, %s in f32", what, i, rounded[i], exact[i])
                        .isLessThanOrEqualTo(tolerance);
            }
        }
    }

    private static Run run(OpContract contract, Case c, Device device, DType precision) {
        try (Backend backend = device.open(1);
                Scope scope = backend.memory().scope(c.toString())) {
            List<Integer> trainable = contract.differentiable() ? c.trainable() : List.of();
            var inputs = new ArrayList<Tensor>();
            for (int i = 0; i < c.inputs().size(); i++) {
                boolean vector = isVector(contract, c, i);
                inputs.add(upload(backend, scope, c, i, vector ? DType.F32 : precision, trainable.contains(i)));
            }
            Tape tape = trainable.isEmpty() ? Tape.inference(backend, scope) : Tape.recording(backend, scope, 0, 0);
            List<Tensor> results = tape.applyAll(c.op(inputs));
            List<float[]> values = results.stream().map(backend::floats).toList();
            var gradients = new ArrayList<float[]>();
            if (!trainable.isEmpty()) {
                var arrived = new Gradients(backend, scope, null);
                Tensor y = results.getFirst();
                Tensor seed = of(
                        backend,
                        scope.tensor("seed", y.shape(), y.dtype()),
                        c.seeds().getFirst().floats());
                tape.backward(y, seed, arrived);
                for (int input : trainable) {
                    gradients.add(backend.floats(arrived.of(inputs.get(input))));
                }
            }
            return new Run(values, gradients);
        }
    }

    private static Tensor upload(Backend backend, Scope scope, Case c, int input, DType precision, boolean trainable) {
        Array64 x = c.inputs().get(input);
        DType dtype = x.dtype() == DType.I32 ? DType.I32 : precision;
        Tensor tensor = scope.tensor("input" + input, x.shape(), dtype, trainable);
        return x.dtype() == DType.I32 ? backend.set(tensor, x.intValues()) : of(backend, tensor, x.floats());
    }

    /** Values that bf16 holds, in either type. */
    private static Tensor of(Backend backend, Tensor tensor, float[] values) {
        var halves = new short[values.length];
        var rounded = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            int bits = Float.floatToRawIntBits(values[i]);
            halves[i] = (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
            rounded[i] = Float.intBitsToFloat(halves[i] << 16);
        }
        backend.upload(
                tensor.dtype() == DType.BF16 ? MemorySegment.ofArray(halves) : MemorySegment.ofArray(rounded), tensor);
        return tensor;
    }
}
