package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Mean absolute error over the hidden patches alone: with {@code e[i] = mean over D of |x[i] - target[i]|} the loss is
 * {@code sum(mask e) / sum(mask)}. Its gradient is 0 where the two are equal. Results: the
 * loss, and e of every patch.
 *
 * @param x [B, N, D], the prediction
 * @param target [B, N, D]
 * @param mask [B, N] i32, 1 is hidden and 0 is not; at least one is hidden
 * @see <a href="https://arxiv.org/abs/2111.09886">Xie et al. 2021, equation 1</a>
 */
public record MaskedL1(Tensor x, Tensor target, Tensor mask) implements Op {
    public interface Forward {
        void call(Tensor x, Tensor target, Tensor mask, Tensor loss, Tensor rowLoss, long n, long d);
    }

    public interface Backward {
        void call(
                Tensor x,
                Tensor target,
                Tensor mask,
                Tensor dloss,
                @Nullable Tensor dx,
                long n,
                long d,
                long accumulate);
    }

    public MaskedL1 {
        Check.patches("MaskedL1", x, target, mask);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(x);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        return List.of(new Result("loss", new Shape(1), DType.F32), new Result("rowLoss", mask.shape(), DType.F32));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        x,
                        target,
                        mask,
                        r.getFirst(),
                        r.get(1),
                        x.shape().rows(),
                        x.shape().extent(2));
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        x,
                        target,
                        mask,
                        g.of(r.getFirst()),
                        to.add(x),
                        x.shape().rows(),
                        x.shape().extent(2),
                        to.accumulate());
    }
}
