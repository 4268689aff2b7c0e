package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.ShapeException;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A convolution: {@code y[b, i, j, m] = bias[m] + sum x[b, i S - padding + r dilation, j S - padding + s dilation, c]
 * weight[m, r, s, c]} over rows r, columns s and channels c of the window, S its stride, x zero outside. With groups,
 * outputs and channels are cut into as many parts, and each part of the outputs sees its part of the channels. A row of
 * the weight lies as the pixels under a window do, so the convolution is a matrix multiplication with the matrix of
 * windows.
 *
 * @param x [B, H, W, C]
 * @param weight [M, P, Q, C / groups], a window of P rows and Q columns
 * @param bias [M], or null
 */
public record Conv2d(Tensor x, Tensor weight, @Nullable Tensor bias, Window window) implements Op {
    /**
     * Stride, padding, dilation and groups of a convolution.
     *
     * @param stride pixels between neighbouring windows, positive
     * @param padding zeros around the image
     * @param dilation pixels between neighbours of a window, positive
     * @param groups parts of channels and outputs, positive
     */
    public record Window(int stride, int padding, int dilation, int groups) {
        public static final Window ONE = new Window(1, 0, 1, 1);

        public Window {
            Check.that(stride > 0, "Window", "stride", "positive", stride);
            Check.that(padding >= 0, "Window", "padding", "0 or more", padding);
            Check.that(dilation > 0, "Window", "dilation", "positive", dilation);
            Check.that(groups > 0, "Window", "groups", "positive", groups);
        }

        public static Window of(int stride, int padding) {
            return new Window(stride, padding, 1, 1);
        }

        /** Windows that fit along an axis; 0 or less if none does. */
        int count(int extent, int side) {
            return Math.floorDiv(extent + 2 * padding - dilation * (side - 1) - 1, stride) + 1;
        }
    }

    public interface Forward {
        void call(
                Tensor x,
                Tensor weight,
                @Nullable Tensor bias,
                Tensor y,
                long b,
                long h,
                long w,
                long c,
                long m,
                long p,
                long q,
                long stride,
                long padding,
                long dilation,
                long groups);
    }

    public interface Backward {
        void call(
                Tensor x,
                Tensor weight,
                Tensor dy,
                @Nullable Tensor dx,
                @Nullable Tensor dweight,
                @Nullable Tensor dbias,
                long b,
                long h,
                long w,
                long c,
                long m,
                long p,
                long q,
                long stride,
                long padding,
                long dilation,
                long groups,
                long accumulate);
    }

    public Conv2d {
        Check.rank("Conv2d", "x", x, 4, "[B, H, W, C]");
        Check.real("Conv2d", "x", x);
        Check.same("Conv2d", "weight", weight, x);
        int channels = x.shape().extent(3);
        Check.that(channels % window.groups() == 0, "Conv2d", "groups", "a divisor of the channels of " + x, window);
        Shape w = weight.shape();
        if (w.rank() != 4 || w.extent(3) != channels / window.groups() || w.extent(1) < 1 || w.extent(2) < 1) {
            throw new ShapeException(
                    "Conv2d",
                    "weight",
                    String.format(Locale.ROOT, "[M, P, Q, %d] to fit %s", channels / window.groups(), x),
                    weight);
        }
        Check.that(w.extent(0) % window.groups() == 0, "Conv2d", "groups", "a divisor of M of " + weight, window);
        Check.dtype("Conv2d", "bias", bias, DType.F32);
        Check.shape("Conv2d", "bias", bias, weight, w.extent(0));
        Check.that(
                window.count(x.shape().extent(1), w.extent(1)) > 0
                        && window.count(x.shape().extent(2), w.extent(2)) > 0,
                "Conv2d",
                "weight",
                String.format(Locale.ROOT, "a window that fits into %s with %s", x, window),
                weight);
    }

    @Override
    public List<Tensor> inputs() {
        return bias == null ? List.of(x, weight) : List.of(x, weight, bias);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        Shape s = x.shape();
        Shape w = weight.shape();
        int down = window.count(s.extent(1), w.extent(1));
        int across = window.count(s.extent(2), w.extent(2));
        return List.of(new Result("y", new Shape(s.extent(0), down, across, w.extent(0)), x.dtype()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        Shape s = x.shape();
        Shape k = weight.shape();
        backend.kernel(Forward.class)
                .call(
                        x,
                        weight,
                        bias,
                        r.getFirst(),
                        s.extent(0),
                        s.extent(1),
                        s.extent(2),
                        s.extent(3),
                        k.extent(0),
                        k.extent(1),
                        k.extent(2),
                        window.stride(),
                        window.padding(),
                        window.dilation(),
                        window.groups());
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Shape s = x.shape();
        Shape k = weight.shape();
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        x,
                        weight,
                        g.of(r.getFirst()),
                        to.add(x),
                        to.addParameter(weight),
                        to.addParameter(bias),
                        s.extent(0),
                        s.extent(1),
                        s.extent(2),
                        s.extent(3),
                        k.extent(0),
                        k.extent(1),
                        k.extent(2),
                        window.stride(),
                        window.padding(),
                        window.dilation(),
                        window.groups(),
                        to.accumulate());
    }
}
