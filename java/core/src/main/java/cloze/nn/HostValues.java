package cloze.nn;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.function.IntUnaryOperator;

/** Copies values that a model computes on the host to the device of a tape. */
public final class HostValues {
    private HostValues() {}

    /** Real numbers, in the precision of the device. */
    public static Tensor real(Tape tape, String name, float[] values, int... extents) {
        Backend backend = tape.backend();
        Tensor exact = backend.set(tape.scope().tensor(name, new Shape(extents), DType.F32), values);
        DType dtype = backend.precision().dtype();
        if (dtype == DType.F32) {
            return exact;
        }
        Tensor narrow = tape.scope().tensor(name, exact.shape(), dtype);
        backend.kernel(Parameters.Narrow.class).call(exact, narrow, values.length);
        return narrow;
    }

    /**
     * The same indices for every row of a batch.
     *
     * @param batch [B, ...]
     * @return [B, count] i32
     */
    public static Tensor ids(Tape tape, String name, Tensor batch, int count, IntUnaryOperator index) {
        int b = batch.shape().extent(0);
        var values = new int[b * count];
        for (int i = 0; i < values.length; i++) {
            values[i] = index.applyAsInt(i % count);
        }
        return tape.backend().set(tape.scope().tensor(name, new Shape(b, count), DType.I32), values);
    }
}
