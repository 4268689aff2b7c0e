package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The gated linear unit with SiLU: {@code y = gate sigmoid(gate) up}.
 *
 * @param x [..., 2 F], gate first, then up
 * @see <a href="https://arxiv.org/abs/2002.05202">Shazeer 2020, equation 6</a>
 */
public record SwiGlu(Tensor x) implements Op {
    public interface Forward {
        void call(Tensor x, Tensor y, long n, long f);
    }

    public interface Backward {
        void call(Tensor x, Tensor dy, @Nullable Tensor dx, long n, long f, long accumulate);
    }

    public SwiGlu {
        Check.real("SwiGlu", "x", x);
        Check.that(x.shape().extent(-1) % 2 == 0, "SwiGlu", "x", "[..., 2 F]", x);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(x);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        return List.of(new Result("y", x.shape().withLast(x.shape().extent(-1) / 2), x.dtype()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(x, r.getFirst(), x.shape().rows(), x.shape().extent(-1) / 2);
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        x,
                        g.of(r.getFirst()),
                        to.add(x),
                        x.shape().rows(),
                        x.shape().extent(-1) / 2,
                        to.accumulate());
    }
}
