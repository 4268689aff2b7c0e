package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Mean over the kept tokens, [B, D]; zeros where none is kept.
 *
 * @param x [B, T, D]
 * @param keep [B, T] i32, 1 keeps, or null to keep all
 */
public record MeanPool(Tensor x, @Nullable Tensor keep) implements Op {
    public interface Forward {
        void call(Tensor x, @Nullable Tensor keep, Tensor y, long b, long t, long d);
    }

    public interface Backward {
        void call(@Nullable Tensor keep, Tensor dy, @Nullable Tensor dx, long b, long t, long d, long accumulate);
    }

    public MeanPool {
        Check.rank("MeanPool", "x", x, 3, "[B, T, D]");
        Check.real("MeanPool", "x", x);
        Check.shape("MeanPool", "keep", keep, x, x.shape().extent(0), x.shape().extent(1));
        Check.dtype("MeanPool", "keep", keep, DType.I32);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(x);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        return List.of(new Result("y", new Shape(x.shape().extent(0), x.shape().extent(2)), x.dtype()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        x,
                        keep,
                        r.getFirst(),
                        x.shape().extent(0),
                        x.shape().extent(1),
                        x.shape().extent(2));
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        keep,
                        g.of(r.getFirst()),
                        to.add(x),
                        x.shape().extent(0),
                        x.shape().extent(1),
                        x.shape().extent(2),
                        to.accumulate());
    }
}
