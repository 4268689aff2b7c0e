package cloze.measure;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.nn.Init;
import cloze.nn.Parameters;
import cloze.op.Op;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Random tensors on a device, filled by the device itself: some are larger than arrays of Java can be. */
public final class Inputs implements AutoCloseable {
    /** Elements that are made at a time where they have to be rounded or copied. */
    private static final int CHUNK = 1 << 22;

    private final Backend backend;
    private final Scope scope;
    private int filled;

    /** An empty set on a device; tensors live until this is closed. */
    public Inputs(Backend backend) {
        this.backend = backend;
        scope = backend.memory().scope("inputs");
    }

    Backend backend() {
        return backend;
    }

    /** Bytes of an activation. */
    int bytes() {
        return backend.precision().dtype().bytes();
    }

    /** Normal values of the type of activations, into which gradients flow. */
    Tensor real(String name, int... extents) {
        return normal(name, backend.precision().dtype(), extents);
    }

    /** Normal values in f32, into which gradients flow. */
    Tensor single(String name, int... extents) {
        return normal(name, DType.F32, extents);
    }

    /** The same number everywhere, in f32. */
    Tensor constant(String name, float value, int... extents) {
        Tensor tensor = scope.tensor(name, new Shape(extents), DType.F32);
        new Init.Constant(value).fill(backend, tensor, 0, 0);
        return tensor;
    }

    private Tensor normal(String name, DType dtype, int... extents) {
        Tensor tensor = scope.tensor(name, new Shape(extents), dtype, true);
        if (dtype == DType.F32) {
            Init.normal(1).fill(backend, tensor, 1, filled++);
            return tensor;
        }
        try (Scope inner = scope.child("wide")) {
            Tensor wide = inner.tensor("wide", new Shape(chunk(tensor, 0)), DType.F32);
            for (long at = 0; at < tensor.shape().size(); at += CHUNK) {
                Tensor part = part(tensor, at);
                Init.normal(1).fill(backend, wide, 1, filled++);
                backend.kernel(Parameters.Narrow.class)
                        .call(wide, part, part.shape().size());
            }
        }
        return tensor;
    }

    private Tensor part(Tensor tensor, long from) {
        return scope.slice(tensor, from, tensor.name(), new Shape(chunk(tensor, from)), false);
    }

    private static int chunk(Tensor tensor, long from) {
        return Math.toIntExact(Math.min(CHUNK, tensor.shape().size() - from));
    }

    /** Integers in [0, bound). */
    Tensor ids(String name, int bound, int... extents) {
        var shape = new Shape(extents);
        int[] values = new SplittableRandom(1).ints(shape.size(), 0, bound).toArray();
        return backend.set(scope.tensor(name, shape, DType.I32), values);
    }

    /** The same integer everywhere. */
    Tensor same(String name, int value, int... extents) {
        Tensor tensor = scope.tensor(name, new Shape(extents), DType.I32);
        var values = new int[chunk(tensor, 0)];
        Arrays.fill(values, value);
        for (long at = 0; at < tensor.shape().size(); at += CHUNK) {
            backend.upload(MemorySegment.ofArray(values), part(tensor, at));
        }
        return tensor;
    }

    /** Each row a shuffle of 0 to {@code extents[1] - 1}. */
    Tensor orders(String name, int rows, int count) {
        var random = new SplittableRandom(1);
        var values = new int[rows * count];
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < count; i++) {
                int other = random.nextInt(i + 1);
                values[row * count + i] = values[row * count + other];
                values[row * count + other] = i;
            }
        }
        return backend.set(scope.tensor(name, new Shape(rows, count), DType.I32), values);
    }

    /** Forward as in training, with the values that backward needs. Its results are overwritten each time. */
    Pass forward(Op op, Cost cost) {
        return forward(op, results(op, true), cost);
    }

    private Pass forward(Op op, List<Tensor> results, Cost cost) {
        return new Pass("forward", cost, () -> op.forward(backend, results, true));
    }

    /** Forward as in inference, of an op that has no other. */
    Pass inference(Op op, Cost cost) {
        List<Tensor> results = results(op, false);
        return new Pass("forward", cost, () -> op.forward(backend, results, false));
    }

    /** Forward, and backward into gradients that are overwritten, for all inputs. */
    List<Pass> both(Op op, Cost forward, Cost backward) {
        List<Tensor> results = results(op, true);
        Tensor y = results.getFirst();
        Tensor dy = normal("dy", y.dtype(), y.shape().extents());
        return List.of(forward(op, results, forward), backward(op, results, dy, backward));
    }

    /**
     * Backward into gradients that are overwritten, for all inputs; of an op whose backward does not read its results.
     */
    Pass backward(Op op, Tensor dy, Cost cost) {
        return backward(op, results(op, true), dy, cost);
    }

    private Pass backward(Op op, List<Tensor> results, Tensor dy, Cost cost) {
        return new Pass("backward", cost, () -> {
            try (Scope inner = scope.child("backward")) {
                var gradients = new Gradients(backend, inner, null);
                gradients.set(results.getFirst(), dy);
                op.backward(backend, results, gradients);
            }
        });
    }

    private List<Tensor> results(Op op, boolean training) {
        return op.results(backend, training).stream()
                .map(r -> scope.tensor(r.name(), r.shape(), r.dtype(), true))
                .toList();
    }

    @Override
    public void close() {
        scope.close();
        backend.synchronize();
        backend.memory().trim();
    }
}
