package cloze.bench.ours;

import cloze.backend.Backend;
import cloze.bench.Samples;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Random inputs of an op, in the order in which the other side draws them too. */
final class OpInputs implements AutoCloseable {
    private final Backend backend;
    private final Scope memory;
    private final Samples samples = new Samples(1);
    private final Map<Tensor, Tensor> overwritten = new LinkedHashMap<>();

    OpInputs(Backend backend) {
        this.backend = backend;
        memory = backend.memory().scope("op's inputs");
    }

    Tensor normal(String name, int... extents) {
        return normal(name, 1, true, extents);
    }

    /** Of a matrix [M, K] whose matrix multiplication gives values as large as what it is multiplied with. */
    Tensor weight(String name, int m, int k) {
        return normal(name, 1 / Math.sqrt(k), true, m, k);
    }

    /** The gradient of an op's value. */
    Tensor gradient(int... extents) {
        return normal("dy", 1, false, extents);
    }

    private Tensor normal(String name, double deviation, boolean trainable, int... extents) {
        var shape = new Shape(extents);
        Tensor tensor = memory.tensor(name, shape, DType.F32, trainable);
        return backend.set(tensor, samples.normal(Math.toIntExact(shape.size()), deviation));
    }

    Tensor below(int bound, String name, int... extents) {
        var shape = new Shape(extents);
        return backend.set(memory.tensor(name, shape, DType.I32), samples.below(bound, Math.toIntExact(shape.size())));
    }

    Tensor same(String name, int value, int... extents) {
        var values = new int[Math.toIntExact(new Shape(extents).size())];
        Arrays.fill(values, value);
        return backend.set(memory.tensor(name, new Shape(extents), DType.I32), values);
    }

    Tensor one() {
        return backend.set(memory.tensor("one", new Shape(1), DType.F32), 1f);
    }

    /** Says that the op writes over {@code input}. */
    Tensor overwritten(Tensor input) {
        Tensor copy = memory.tensor("copy", input.shape(), DType.F32);
        backend.copy(input, copy);
        overwritten.put(input, copy);
        return input;
    }

    void restore() {
        overwritten.forEach((input, copy) -> backend.copy(copy, input));
    }

    @Override
    public void close() {
        memory.close();
    }
}
