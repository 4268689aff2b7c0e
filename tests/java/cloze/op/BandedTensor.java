package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.IntStream;

/** A tensor of bf16 between bands that no kernel may write, and that are not a number for those who read them. */
public final class BandedTensor {
    /** Elements, so that what lies between bands is aligned as the tensor cores' way wants it. */
    private static final int BAND = 64;

    private static final short GUARD = 0x7fce;

    private final Backend backend;
    private final Tensor all;
    private final int before;
    private final Tensor tensor;

    /** @param shift of its address, elements from a multiple of 16 bytes */
    public BandedTensor(Backend backend, Scope scope, String name, double[] values, int shift) {
        this.backend = backend;
        before = BAND + shift;
        all = scope.tensor(name + " and bands", new Shape(values.length + 2 * BAND + shift), DType.BF16);
        tensor = scope.slice(all, before, name, new Shape(values.length), false);
        var halves = new short[values.length + 2 * BAND + shift];
        Arrays.fill(halves, GUARD);
        for (int i = 0; i < values.length; i++) {
            halves[before + i] = Bf16.bits((float) values[i]);
        }
        backend.upload(MemorySegment.ofArray(halves), all);
    }

    public Tensor tensor() {
        return tensor;
    }

    /** @throws AssertionError if a band was written */
    public double[] values() {
        var halves = new short[Math.toIntExact(all.shape().size())];
        backend.download(all, MemorySegment.ofArray(halves));
        int n = Math.toIntExact(tensor.shape().size());
        for (int i = 0; i < halves.length; i++) {
            assertThat(halves[i] == GUARD || (i >= before && i < before + n))
                    .as("element %d of %s is written", i - before, tensor.name())
                    .isTrue();
        }
        return IntStream.range(before, before + n)
                .mapToDouble(i -> Float.intBitsToFloat(halves[i] << 16))
                .toArray();
    }
}
