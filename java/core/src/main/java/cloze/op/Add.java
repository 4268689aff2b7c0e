package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.ShapeException;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code z = x + y}, with y broadcast over the leading axes of x.
 *
 * @param x [..., S]
 * @param y [S], S is one or more axes
 */
public record Add(Tensor x, Tensor y) implements Op {
    public interface Forward {
        void call(Tensor x, Tensor y, Tensor z, long n, long d);
    }

    public interface Backward {
        void call(Tensor dz, @Nullable Tensor dx, @Nullable Tensor dy, long n, long d, long accumulate);
    }

    public Add {
        Check.real("Add", "x", x);
        Check.same("Add", "y", y, x);
        if (!x.shape().endsWith(y.shape())) {
            throw new ShapeException("Add", "y", "the last axes of " + x, y);
        }
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(x, y);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        return List.of(new Result("z", x.shape(), x.dtype()));
    }

    private long d() {
        return y.shape().size();
    }

    private long n() {
        return d() == 0 ? 0 : x.shape().size() / d();
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class).call(x, y, r.getFirst(), n(), d());
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class).call(g.of(r.getFirst()), to.add(x), to.add(y), n(), d(), to.accumulate());
    }
}
