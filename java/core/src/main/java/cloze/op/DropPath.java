package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Stochastic depth: {@code y = x / (1 - rate)} for a sample that is kept, 0 for one that is dropped, where x is what a
 * block would add to the residual stream. Sample b draws as element b of {@link Dropout} does.
 *
 * @param x [B, ...]
 * @see <a href="https://arxiv.org/abs/1603.09382">Huang et al. 2016, section 3</a>
 */
public record DropPath(Tensor x, DropoutKey key) implements Op {
    /** Drops whole samples of {@code n} elements. */
    public interface Forward {
        void call(Tensor x, Tensor y, long b, long n, float rate, long seed, long offset);
    }

    public interface Backward {
        void call(Tensor dy, @Nullable Tensor dx, long b, long n, float rate, long seed, long offset, long accumulate);
    }

    public DropPath {
        Check.real("DropPath", "x", x);
        Check.that(x.shape().rank() >= 2, "DropPath", "x", "[B, ...]", x);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(x);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        return List.of(new Result("y", x.shape(), x.dtype()));
    }

    private long b() {
        return x.shape().extent(0);
    }

    private long n() {
        return b() == 0 ? 0 : x.shape().size() / b();
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class).call(x, r.getFirst(), b(), n(), key.rate(), key.seed(), key.offset());
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(g.of(r.getFirst()), to.add(x), b(), n(), key.rate(), key.seed(), key.offset(), to.accumulate());
    }
}
