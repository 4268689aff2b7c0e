package cloze.cuda.cudnn;

import cloze.op.Conv2d;
import cloze.tensor.DType;
import cloze.tensor.Shape;

/**
 * A convolution for cuDNN, or one of its gradients: what an algorithm is chosen by. Images lie as NHWC and weights as KRSC,
 * which cuDNN calls NHWC too.
 *
 * @param dtype of all that it touches; sums are f32
 * @param tf32 whether factors in f32 may lose all but 10 bits
 * @param x [B, H, W, C]
 * @param weight [M, P, Q, C / groups]
 * @param y [B, down, across, M]
 */
record CudnnProblem(
        CudnnDirection direction, DType dtype, boolean tf32, Shape x, Shape weight, Shape y, Conv2d.Window window) {

    @Override
    public String toString() {
        return "%s of x %s, weight %s and y %s in %s, %s"
                .formatted(direction.op(), x, weight, y, dtype == DType.F32 && tf32 ? "tf32" : dtype, window);
    }
}
