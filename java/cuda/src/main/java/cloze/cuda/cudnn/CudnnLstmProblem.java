package cloze.cuda.cudnn;

import java.util.Locale;

/**
 * A layer of LSTM for cuDNN in f32: the key of its descriptors.
 *
 * @param tf32 true lets factors be rounded to tf32, 10 bits of mantissa
 */
record CudnnLstmProblem(int batch, int tokens, int in, int hidden, boolean bias, boolean tf32) {
    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "lstm of x [%d, %d, %d] and h [%1$d, %d] in %s, %s bias",
                batch,
                tokens,
                in,
                hidden,
                tf32 ? "tf32" : "f32",
                bias ? "with" : "without");
    }
}
