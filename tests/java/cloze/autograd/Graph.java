package cloze.autograd;

import cloze.backend.Backend;
import cloze.op.Array64;
import cloze.op.Device;
import cloze.op.GuardedBackend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/** A backend with named leaves, for tests of what a tape does with a few ops. */
final class Graph implements AutoCloseable {
    final Backend backend = new GuardedBackend(Device.all().getLast().open(1));
    final Scope scope = backend.memory().scope("step 1");
    private final Map<String, Tensor> leaves = new LinkedHashMap<>();

    /** The leaf of that name, the same for the same name; normal values that depend on the name alone. */
    Tensor leaf(String name, int... extents) {
        return leaves.computeIfAbsent(name, _ -> leaf(name, true, extents));
    }

    /** A leaf into which no gradient flows. */
    Tensor constant(String name, int... extents) {
        return leaves.computeIfAbsent(name, _ -> leaf(name, false, extents));
    }

    private Tensor leaf(String name, boolean trainable, int... extents) {
        Array64 values = Array64.normal(new SplittableRandom(name.hashCode()), extents);
        var floats = new float[values.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values.at(i);
        }
        return backend.set(scope.tensor(name, new Shape(extents), DType.F32, trainable), floats);
    }

    Tape tape() {
        return Tape.recording(backend, scope, 11, 3);
    }

    /** The gradients of all trainable leaves by name, after the gradient of {@code value} is set to ones. */
    Map<String, float[]> gradients(Tape tape, Tensor value) {
        var ones = new float[Math.toIntExact(value.shape().size())];
        Arrays.fill(ones, 1);
        Tensor seed = backend.set(scope.tensor("seed", value.shape(), DType.F32), ones);
        Gradients gradients = tape.backward(value, seed, new Gradients(backend, scope, null));
        Map<String, float[]> byName = new LinkedHashMap<>();
        leaves.forEach((name, leaf) -> {
            if (leaf.trainable()) {
                byName.put(name, backend.floats(gradients.of(leaf)));
            }
        });
        return byName;
    }

    @Override
    public void close() {
        scope.close();
        backend.close();
    }
}
