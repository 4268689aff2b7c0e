package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.ShapeException;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Root-mean-square normalisation over the last axis, after the residual is added: with {@code s = x + residual},
 * {@code y = s / sqrt(mean(s^2) + epsilon) * weight}. Results: y, and s where there is a residual.
 *
 * @param x [..., D]
 * @param residual [..., D], or null
 * @param weight [D]
 * @see <a href="https://arxiv.org/abs/1910.07467">Zhang, Sennrich 2019, equation 4</a>
 */
public record RmsNorm(Tensor x, @Nullable Tensor residual, Tensor weight, float epsilon) implements Op {
    /** {@code sum} is written where there is a residual. */
    public interface Forward {
        void call(
                Tensor x,
                @Nullable Tensor residual,
                Tensor weight,
                Tensor y,
                @Nullable Tensor sum,
                Tensor rstd,
                long n,
                long d,
                float epsilon);
    }

    /** {@code dx} may be {@code dsum}, the gradient that reaches the sum on its other way; it is added in. */
    public interface Backward {
        void call(
                Tensor s,
                Tensor weight,
                Tensor rstd,
                Tensor dy,
                @Nullable Tensor dsum,
                @Nullable Tensor dx,
                @Nullable Tensor dweight,
                long n,
                long d,
                long accumulate);
    }

    public RmsNorm {
        Check.real("RmsNorm", "x", x);
        int d = x.shape().extent(-1);
        if (weight.shape().rank() != 1 || weight.shape().extent(0) != d) {
            throw new ShapeException(
                    "RmsNorm", "weight", String.format(Locale.ROOT, "[%d], the last axis of %s", d, x), weight);
        }
        Check.dtype("RmsNorm", "weight", weight, DType.F32);
        Check.same("RmsNorm", "residual", residual, x);
        Check.shape("RmsNorm", "residual", residual, x, x.shape().extents());
    }

    /** Without a residual. */
    public RmsNorm(Tensor x, Tensor weight, float epsilon) {
        this(x, null, weight, epsilon);
    }

    @Override
    public List<Tensor> inputs() {
        return residual == null ? List.of(x, weight) : List.of(x, residual, weight);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        var y = new Result("y", x.shape(), x.dtype());
        var rstd = new Result("rstd", x.shape().dropLast(), DType.F32);
        return residual == null ? List.of(y, rstd) : List.of(y, new Result("sum", x.shape(), x.dtype()), rstd);
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        Tensor sum = residual == null ? null : r.get(1);
        backend.kernel(Forward.class)
                .call(
                        x,
                        residual,
                        weight,
                        r.getFirst(),
                        sum,
                        r.getLast(),
                        x.shape().rows(),
                        x.shape().extent(-1),
                        epsilon);
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Tensor s = residual == null ? x : r.get(1);
        Tensor dy = g.of(r.getFirst());
        try (Gradients.Residual through = g.residual(s, x, residual)) {
            Gradients.Targets to = g.targets();
            backend.kernel(Backward.class)
                    .call(
                            s,
                            weight,
                            r.getLast(),
                            dy,
                            through.arrived(),
                            to.add(through),
                            to.add(weight),
                            x.shape().rows(),
                            x.shape().extent(-1),
                            to.accumulate());
        }
    }
}
