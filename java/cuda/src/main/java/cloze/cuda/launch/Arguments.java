package cloze.cuda.launch;

import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The arguments of one call of a kernel, found by the names of its parameters. */
public final class Arguments {
    private final Signature signature;
    final @Nullable Tensor[] tensors;
    final long[] slots;

    /**
     * @param tensors in order, null for one that is not given
     * @param slots all arguments as the kernel takes them, and one more for the address of the scratch; not changed afterwards
     */
    Arguments(Signature signature, @Nullable Tensor[] tensors, long[] slots) {
        this.signature = signature;
        this.tensors = tensors;
        this.slots = slots;
    }

    /** A tensor that is always given. */
    public Tensor tensor(String name) {
        return Objects.requireNonNull(optional(name), name);
    }

    /** A tensor, or null if it is not given. */
    public @Nullable Tensor optional(String name) {
        return tensors[signature.tensor(name)];
    }

    /** A parameter of type long. */
    public long size(String name) {
        return slots[signature.place(name, Signature.WHOLE)];
    }

    /** The same call without a tensor. */
    public Arguments without(String name) {
        @Nullable Tensor[] fewer = tensors.clone();
        long[] changed = slots.clone();
        fewer[signature.tensor(name)] = null;
        changed[signature.place(name, Signature.TENSOR)] = 0;
        return new Arguments(signature, fewer, changed);
    }

    boolean isBf16() {
        boolean bf16 = false;
        for (Tensor tensor : tensors) {
            bf16 |= tensor != null && tensor.dtype() == DType.BF16;
        }
        return bf16;
    }

    /** A tensor as it lies in a slot; 0 for null. */
    public static long address(@Nullable Tensor tensor) {
        return tensor == null ? 0 : tensor.memory().address();
    }

    /** A number as it lies in a slot. */
    static long bits(float number) {
        return Integer.toUnsignedLong(Float.floatToRawIntBits(number));
    }
}
