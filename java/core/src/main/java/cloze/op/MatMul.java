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
 * A matrix multiplication with its epilogue: {@code y = activation(x weight^T + bias)}.
 *
 * @param x [..., K]
 * @param weight [M, K]
 * @param bias [M], or null
 */
public record MatMul(Tensor x, Tensor weight, @Nullable Tensor bias, Activation activation) implements Op {
    /**
     * {@code saved} holds the value before the activation or its derivative there, for this backend's {@link Backward};
     * null if it is not needed.
     */
    public interface Forward {
        void call(
                Tensor x,
                Tensor weight,
                @Nullable Tensor bias,
                Tensor y,
                @Nullable Tensor saved,
                long n,
                long k,
                long m,
                long activation);
    }

    /** May overwrite {@code dy} when there is an activation. */
    public interface Backward {
        void call(
                Tensor x,
                Tensor weight,
                @Nullable Tensor saved,
                Tensor dy,
                @Nullable Tensor dx,
                @Nullable Tensor dweight,
                @Nullable Tensor dbias,
                long n,
                long k,
                long m,
                long activation,
                long accumulate);
    }

    public MatMul {
        Check.real("MatMul", "x", x);
        if (weight.shape().rank() != 2 || weight.shape().extent(1) != x.shape().extent(-1)) {
            throw new ShapeException(
                    "MatMul",
                    "weight",
                    String.format(Locale.ROOT, "[M, %d] to fit %s", x.shape().extent(-1), x),
                    weight);
        }
        Check.same("MatMul", "weight", weight, x);
        Check.dtype("MatMul", "bias", bias, DType.F32);
        Check.shape("MatMul", "bias", bias, weight, weight.shape().extent(0));
    }

    @Override
    public List<Tensor> inputs() {
        return bias == null ? List.of(x, weight) : List.of(x, weight, bias);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        var results = new ArrayList<Result>();
        results.add(new Result("y", x.shape().withLast(weight.shape().extent(0)), x.dtype()));
        if (training && activation != Activation.NONE) {
            results.add(new Result("saved", x.shape().withLast(weight.shape().extent(0)), x.dtype()));
        }
        return results;
    }

    private static @Nullable Tensor saved(List<Tensor> r) {
        return r.size() > 1 ? r.get(1) : null;
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        x,
                        weight,
                        bias,
                        r.getFirst(),
                        saved(r),
                        x.shape().rows(),
                        weight.shape().extent(1),
                        weight.shape().extent(0),
                        activation.code());
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Tensor y = r.getFirst();
        Tensor dy = activation == Activation.NONE ? g.of(y) : g.ownedOf(y);
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        x,
                        weight,
                        saved(r),
                        dy,
                        to.add(x),
                        to.addParameter(weight),
                        to.addParameter(bias),
                        x.shape().rows(),
                        weight.shape().extent(1),
                        weight.shape().extent(0),
                        activation.code(),
                        to.accumulate());
    }
}
