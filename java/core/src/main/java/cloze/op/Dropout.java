package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code y = x / (1 - rate)} where an element is kept, 0 where it is dropped.
 *
 * @param x [...]
 */
public record Dropout(Tensor x, DropoutKey key) implements Op {
    public interface Forward {
        void call(Tensor x, Tensor y, long n, float rate, long seed, long offset);
    }

    public interface Backward {
        void call(Tensor dy, @Nullable Tensor dx, long n, float rate, long seed, long offset, long accumulate);
    }

    public Dropout {
        Check.real("Dropout", "x", x);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(x);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        return List.of(new Result("y", x.shape(), x.dtype()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class).call(x, r.getFirst(), x.shape().size(), key.rate(), key.seed(), key.offset());
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        g.of(r.getFirst()),
                        to.add(x),
                        x.shape().size(),
                        key.rate(),
                        key.seed(),
                        key.offset(),
                        to.accumulate());
    }
}
