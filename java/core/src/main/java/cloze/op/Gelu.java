package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code y = x Phi(x)}, exactly or by the tanh approximation: the two differ by up to 5e-4, and models need the one
 * they were trained with.
 *
 * @param x [...]
 * @param form {@link Activation#GELU_ERF} or {@link Activation#GELU_TANH}
 * @see <a href="https://arxiv.org/abs/1606.08415">Hendrycks, Gimpel 2016, section 2</a>
 */
public record Gelu(Tensor x, Activation form) implements Op {
    public interface Forward {
        void call(Tensor x, Tensor y, long n, long form);
    }

    public interface Backward {
        void call(Tensor x, Tensor dy, @Nullable Tensor dx, long n, long form, long accumulate);
    }

    public Gelu {
        Check.real("Gelu", "x", x);
        Check.that(
                form == Activation.GELU_ERF || form == Activation.GELU_TANH,
                "Gelu",
                "form",
                "GELU_ERF or GELU_TANH",
                form);
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
        backend.kernel(Forward.class).call(x, r.getFirst(), x.shape().size(), form.code());
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(x, g.of(r.getFirst()), to.add(x), x.shape().size(), form.code(), to.accumulate());
    }
}
