package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Gradients;
import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.Precision;
import cloze.backend.ShapeBackend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.ShapeException;
import cloze.tensor.Tensor;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What ops do with wrong arguments: each tensor of each op, as the cases of the op's contract give it. */
class OpArgumentsTest {
    private static final int CASES = 6;
    private static final int[] OUTSIDE = {2_000_000_000, -7, Integer.MIN_VALUE};

    /** Integers that are no indices: each but 0 is a yes. */
    private static final Set<String> FLAGS = Set.of("MaskedSoftmax.mask", "MeanPool.keep", "Attention.keep");

    static List<Class<?>> ops() {
        return Arrays.asList(Op.class.getPermittedSubclasses());
    }

    static List<Device> devices() {
        return Device.all();
    }

    static List<Arguments> opsOnDevices() {
        return Device.all().stream()
                .flatMap(device -> ops().stream().map(op -> Arguments.of(op, device)))
                .toList();
    }

    /** Small cases, and one more for each set of tensors that these do not give. */
    private static List<Case> cases(Class<?> op) {
        try {
            OpContract contract = Class.forName(op.getName() + "Test")
                    .asSubclass(OpContract.class)
                    .getDeclaredConstructor()
                    .newInstance();
            List<Case> all = contract.all();
            List<Case> small = all.stream().filter(Case::small).limit(CASES).toList();
            var chosen = new ArrayList<>(small);
            var sets = new HashSet<List<DType>>();
            small.forEach(c -> sets.add(types(c)));
            all.stream().filter(c -> sets.add(types(c))).forEach(chosen::add);
            return chosen;
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(e.getMessage(), e);
        }
    }

    private static List<DType> types(Case c) {
        return c.inputs().stream().map(Array64::dtype).toList();
    }

    private static List<Tensor> tensors(Scope scope, Case c, List<DType> types) {
        var tensors = new ArrayList<Tensor>();
        for (int i = 0; i < types.size(); i++) {
            tensors.add(scope.tensor("input " + i, c.inputs().get(i).shape(), types.get(i)));
        }
        return tensors;
    }

    /** The names of an op's tensors. */
    private static Map<Tensor, String> names(Op op) {
        var names = new IdentityHashMap<Tensor, String>();
        for (RecordComponent component : op.getClass().getRecordComponents()) {
            Object value = value(component, op);
            if (value instanceof Tensor tensor) {
                names.put(tensor, component.getName());
            } else if (value instanceof AttentionMask mask && mask.keep() != null) {
                names.put(mask.keep(), "keep");
            }
        }
        return names;
    }

    private static Object value(RecordComponent component, Op op) {
        try {
            return component.getAccessor().invoke(op);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(e.getMessage(), e);
        }
    }

    @ParameterizedTest
    @MethodSource("ops")
    void each_tensor_is_given_by_a_case(Class<?> op) {
        Set<String> given = new HashSet<>();
        try (var backend = new ShapeBackend(Precision.FP32);
                Scope scope = backend.memory().scope("test")) {
            for (Case c : cases(op)) {
                given.addAll(names(c.op(tensors(scope, c, types(c)))).values());
            }
        }
        for (RecordComponent component : op.getRecordComponents()) {
            if (component.getType() == Tensor.class) {
                assertThat(given).contains(component.getName());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("ops")
    void each_tensor_has_a_type(Class<?> op) {
        try (var backend = new ShapeBackend(Precision.FP32)) {
            for (Case c : cases(op)) {
                for (int i = 0; i < c.inputs().size(); i++) {
                    for (DType type : DType.values()) {
                        if (type != types(c).get(i)) {
                            requireType(backend, c, i, type);
                        }
                    }
                }
            }
        }
    }

    /** bf16 in place of f32 is right for the one activation that gives the result its type. */
    private static void requireType(Backend backend, Case c, int input, DType type) {
        var types = new ArrayList<>(types(c));
        boolean narrowed = types.set(input, type) == DType.F32 && type == DType.BF16;
        long reals = types.stream().filter(t -> t != DType.I32).count();
        try (Scope scope = backend.memory().scope("test")) {
            List<Tensor> right = tensors(scope, c, types(c));
            if (!names(c.op(right)).containsKey(right.get(input))) {
                return; // this case does not use it
            }
            Op op = c.op(tensors(scope, c, types));
            DType result = op.results(backend, false).getFirst().dtype();
            assertThat(narrowed && (reals == 1 || result == DType.BF16))
                    .as("%s takes %s for input %d of %s", op.getClass().getSimpleName(), type, input, c)
                    .isTrue();
        } catch (ShapeException e) {
            assertThat(e).hasMessageContaining("must be of type");
        }
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("opsOnDevices")
    void an_index_that_is_out_of_bounds_is_named(Class<?> op, Device device) {
        try (Backend backend = device.open(2)) {
            for (Case c : cases(op)) {
                for (int i = 0; i < c.inputs().size(); i++) {
                    if (c.inputs().get(i).dtype() == DType.I32
                            && c.inputs().get(i).size() > 0) {
                        for (int value : OUTSIDE) {
                            requireNamed(backend, c, i, value);
                        }
                    }
                }
            }
        }
    }

    private static void requireNamed(Backend backend, Case c, int input, int value) {
        try (Scope scope = backend.memory().scope("test")) {
            List<Tensor> tensors = written(backend, scope, c);
            int[] indices = c.inputs().get(input).intValues();
            int at = indices.length / 2;
            indices[at] = value;
            backend.set(tensors.get(input), indices);
            Op op = c.op(tensors);
            if (!names(op).containsKey(tensors.get(input))) {
                return; // this case does not use it
            }
            String name = op.getClass().getSimpleName() + "." + names(op).get(tensors.get(input));
            if (FLAGS.contains(name)) {
                float[] result = run(backend, scope, op);
                indices[at] = 1;
                backend.set(tensors.get(input), indices);
                assertThat(result).as(name).isEqualTo(run(backend, scope, op));
                return;
            }
            assertThatThrownBy(() -> run(backend, scope, op))
                    .as("%s of %s is %d", name, c, value)
                    .isInstanceOf(IndexOutOfBoundsException.class)
                    .hasMessageStartingWith(name.replace(".", ": ") + " must be in [0, ")
                    .hasMessageEndingWith(String.format(Locale.ROOT, "but element %d is %d", at, value));
            backend.set(tensors.get(input), c.inputs().get(input).intValues());
            assertThat(run(backend, scope, op)).as("the next call of %s", name).isNotNull();
        }
    }

    @ParameterizedTest
    @MethodSource("devices")
    void a_mask_that_hides_nothing_is_refused(Device device) {
        try (Backend backend = device.open(2);
                Scope scope = backend.memory().scope("test")) {
            Tensor x = scope.tensor("x", new Shape(2, 3, 4), DType.F32);
            Tensor mask = scope.tensor("mask", new Shape(2, 3), DType.I32);
            backend.zero(x);
            backend.zero(mask);
            for (Op op : List.of(new MaskedMse(x, x, mask, false), new MaskedL1(x, x, mask))) {
                assertThatThrownBy(() -> run(backend, scope, op))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage(String.format(
                                Locale.ROOT,
                                "%s: mask must hide a patch (1), but it hides none of 6",
                                op.getClass().getSimpleName()));
            }
        }
    }

    /** The values can change between the two passes, since Java code can write them. */
    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("opsOnDevices")
    void backward_survives_an_index_that_is_out_of_bounds(Class<?> op, Device device) {
        if (op == CachedAttention.class) {
            return; // has no backward
        }
        try (Backend backend = device.open(2)) {
            Case c = cases(op).getFirst();
            for (int i = 0; i < c.inputs().size(); i++) {
                if (c.inputs().get(i).dtype() == DType.I32 && c.inputs().get(i).size() > 0) {
                    try (Scope scope = backend.memory().scope("test")) {
                        List<Tensor> tensors = written(backend, scope, c);
                        Tape tape = Tape.recording(backend, scope, 1, 1);
                        Tensor y = tape.apply(c.op(tensors));
                        int[] indices = c.inputs().get(i).intValues();
                        indices[indices.length / 2] = 2_000_000_000;
                        backend.set(tensors.get(i), indices);
                        Tensor dy = scope.tensor("dy", y.shape(), y.dtype());
                        backend.zero(dy);
                        try {
                            tape.backward(y, dy, new Gradients(backend, scope, null));
                            backend.synchronize();
                        } catch (IndexOutOfBoundsException e) {
                            assertThat(e).hasMessageContaining("2000000000");
                        }
                    }
                }
            }
        }
    }

    private static List<Tensor> written(Backend backend, Scope scope, Case c) {
        return IntStream.range(0, c.inputs().size())
                .mapToObj(i -> {
                    Array64 input = c.inputs().get(i);
                    boolean real = input.dtype() != DType.I32;
                    Tensor tensor = scope.tensor("input " + i, input.shape(), input.dtype(), real);
                    return real ? backend.set(tensor, input.floats()) : backend.set(tensor, input.intValues());
                })
                .toList();
    }

    private static float[] run(Backend backend, Scope scope, Op op) {
        return backend.floats(Tape.inference(backend, scope).apply(op));
    }

    @Test
    void finds_indices_and_flags() {
        var names = new HashSet<String>();
        try (var backend = new ShapeBackend(Precision.FP32);
                Scope scope = backend.memory().scope("test")) {
            for (Class<?> op : ops()) {
                for (Case c : cases(op)) {
                    List<Tensor> tensors = tensors(scope, c, types(c));
                    names(c.op(tensors)).forEach((tensor, name) -> {
                        if (tensor.dtype() == DType.I32) {
                            names.add(op.getSimpleName() + "." + name);
                        }
                    });
                }
            }
        }
        assertThat(names)
                .containsAll(FLAGS)
                .contains("Embedding.ids", "Embedding.starts", "SoftmaxCrossEntropy.targets");
    }
}
