package cloze.cuda.cudnn;

import cloze.op.Conv2d;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.Locale;

/**
 * A convolution for cuDNN, or one of its gradients: the key of an algorithm. Images are NHWC and weights KRSC, which cuDNN
 * calls NHWC, too.
 *
 * @param dtype of all tensors; sums are f32
 * @param tf32 true lets factors in f32 be rounded to tf32, 10 bits of mantissa
 * @param x [B, H, W, C]
 * @param weight [M, P, Q, C / groups]
 * @param y [B, down, across, M]
 */
record CudnnProblem(
        CudnnDirection direction, DType dtype, boolean tf32, Shape x, Shape weight, Shape y, Conv2d.Window window) {

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%s of x %s, weight %s and y %s in %s, %s",
                direction.op(),
                x,
                weight,
                y,
                dtype == DType.F32 && tf32 ? "tf32" : dtype,
                window);
    }
}
