package cloze.measure;

import cloze.tensor.Tensor;

/** Kernels that measure the peak rate of a device. */
public final class Peak {
    /** {@code sums [n] = sums / 2 + 1}, repeated: multiply-adds in registers without memory traffic. */
    public interface MultiplyAdd {
        void call(Tensor sums, long n, long links);
    }

    private Peak() {}
}
