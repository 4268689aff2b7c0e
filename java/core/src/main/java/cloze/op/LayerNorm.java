package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.ShapeException;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Layer normalisation over the last axis, after the residual is added: with {@code s = x + residual},
 * {@code y = (s - mean(s)) / sqrt(var(s) + epsilon) * weight + bias}. Results: y, and s where there is a residual.
 *
 * @param x [..., D]
 * @param residual [..., D], or null
 * @param weight [D]
 * @param bias [D], or null
 * @param epsilon added to the biased variance
 * @see <a href="https://arxiv.org/abs/1607.06450">Ba, Kiros, Hinton 2016, equation 4</a>
 */
public record LayerNorm(
        Tensor x,
        @Nullable Tensor residual,
        Tensor weight,
        @Nullable Tensor bias,
        float epsilon) implements Op {
    /** {@code sum} is written where there is a residual. */
    public interface Forward {
        void call(
                Tensor x,
                @Nullable Tensor residual,
                Tensor weight,
                @Nullable Tensor bias,
                Tensor y,
                @Nullable Tensor sum,
                Tensor mean,
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
                Tensor mean,
                Tensor rstd,
                Tensor dy,
                @Nullable Tensor dsum,
                @Nullable Tensor dx,
                @Nullable Tensor dweight,
                @Nullable Tensor dbias,
                long n,
                long d,
                long accumulate);
    }

    public LayerNorm {
        Check.real("LayerNorm", "x", x);
        int d = x.shape().extent(-1);
        if (weight.shape().rank() != 1 || weight.shape().extent(0) != d) {
            throw new ShapeException(
                    "LayerNorm", "weight", String.format(Locale.ROOT, "[%d], the last axis of %s", d, x), weight);
        }
        if (bias != null && !bias.shape().equals(weight.shape())) {
            throw new ShapeException(
                    "LayerNorm", "bias", String.format(Locale.ROOT, "[%d], the last axis of %s", d, x), bias);
        }
        Check.dtype("LayerNorm", "weight", weight, DType.F32);
        Check.dtype("LayerNorm", "bias", bias, DType.F32);
        Check.same("LayerNorm", "residual", residual, x);
        Check.shape("LayerNorm", "residual", residual, x, x.shape().extents());
    }

    /** Without a residual. */
    public LayerNorm(Tensor x, Tensor weight, @Nullable Tensor bias, float epsilon) {
        this(x, null, weight, bias, epsilon);
    }

    @Override
    public List<Tensor> inputs() {
        var inputs = new ArrayList<Tensor>();
        inputs.add(x);
        if (residual != null) {
            inputs.add(residual);
        }
        inputs.add(weight);
        if (bias != null) {
            inputs.add(bias);
        }
        return inputs;
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        var results = new ArrayList<Result>();
        results.add(new Result("y", x.shape(), x.dtype()));
        if (residual != null) {
            results.add(new Result("sum", x.shape(), x.dtype()));
        }
        results.add(new Result("mean", x.shape().dropLast(), DType.F32));
        results.add(new Result("rstd", x.shape().dropLast(), DType.F32));
        return results;
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        Tensor sum = residual == null ? null : r.get(1);
        Tensor rstd = r.getLast();
        Tensor mean = r.get(r.size() - 2);
        backend.kernel(Forward.class)
                .call(
                        x,
                        residual,
                        weight,
                        bias,
                        r.getFirst(),
                        sum,
                        mean,
                        rstd,
                        x.shape().rows(),
                        x.shape().extent(-1),
                        epsilon);
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Tensor s = residual == null ? x : r.get(1);
        Tensor rstd = r.getLast();
        Tensor mean = r.get(r.size() - 2);
        Tensor dy = g.of(r.getFirst());
        try (Gradients.Residual through = g.residual(s, x, residual)) {
            Gradients.Targets to = g.targets();
            backend.kernel(Backward.class)
                    .call(
                            s,
                            weight,
                            mean,
                            rstd,
                            dy,
                            through.arrived(),
                            to.add(through),
                            to.add(weight),
                            to.add(bias),
                            x.shape().rows(),
                            x.shape().extent(-1),
                            to.accumulate());
        }
    }
}
