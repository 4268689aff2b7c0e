package cloze.measure;

import cloze.tensor.Tensor;

/** What a device could do if it had nothing else to do. */
public final class Peak {
    /** {@code sums [n] = sums / 2 + 1}, so many times: multiply-adds in registers, which wait for nothing. */
    public interface MultiplyAdd {
        void call(Tensor sums, long n, long links);
    }

    private Peak() {}
}
