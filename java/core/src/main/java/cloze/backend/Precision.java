package cloze.backend;

import cloze.tensor.DType;
import java.util.Locale;

/** The type of a model's matrices, tables and activations. Sums, statistics, gradients and weights are f32 in each. */
public enum Precision {
    FP32(DType.F32),
    /** f32 everywhere, but the factors of products keep 10 bits of mantissa: the tensor cores of a GPU take them. */
    TF32(DType.F32),
    /** bf16 copies of f32 weights; half the memory of activations, and the tensor cores of a GPU. */
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
