package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.ShapeException;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Softmax over the last axis of the kept scores; a row with nothing kept is all zeros.
 *
 * @param scores [..., K]
 * @param mask [..., K] i32, 1 keeps and 0 hides
 */
public record MaskedSoftmax(Tensor scores, Tensor mask) implements Op {
    public interface Forward {
        void call(Tensor scores, Tensor mask, Tensor p, long n, long k);
    }

    public interface Backward {
        void call(Tensor p, Tensor dp, @Nullable Tensor dscores, long n, long k, long accumulate);
    }

    public MaskedSoftmax {
        Check.real("MaskedSoftmax", "scores", scores);
        Check.dtype("MaskedSoftmax", "mask", mask, DType.I32);
        if (!mask.shape().equals(scores.shape())) {
            throw new ShapeException("MaskedSoftmax", "mask", scores.shape() + ", the shape of " + scores, mask);
        }
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(scores);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        return List.of(new Result("p", scores.shape(), scores.dtype()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        scores,
                        mask,
                        r.getFirst(),
                        scores.shape().rows(),
                        scores.shape().extent(-1));
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Tensor p = r.getFirst();
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        p,
                        g.of(p),
                        to.add(scores),
                        scores.shape().rows(),
                        scores.shape().extent(-1),
                        to.accumulate());
    }
}
