package cloze.backend;

import cloze.tensor.DType;
import java.util.Locale;

/** The type of a model's matrices, tables and activations. Sums, statistics, gradients and weights are always f32. */
public enum Precision {
    FP32(DType.F32),
    /**
     * f32 everywhere, but matrix multiplications round their operands to 10 bits of mantissa, to use a GPU's tensor
     * cores.
     */
    TF32(DType.F32),
    /** bf16 copies of f32 weights: activations take half the memory, and a GPU uses its tensor cores. */
    BF16(DType.BF16);

    private final DType dtype;

    Precision(DType dtype) {
        this.dtype = dtype;
    }

    public DType dtype() {
        return dtype;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
