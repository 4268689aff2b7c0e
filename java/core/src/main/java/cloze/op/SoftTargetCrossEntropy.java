package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The mean over rows of {@code -sum_j target[j] log softmax(logits)[j]}, in nats: cross-entropy with a distribution
 * over classes as the target, as for mixed images. Results: the mean [1], 0 of no rows, and the loss of each row [N].
 * The targets have no gradient; those of a row need not add up to 1.
 *
 * @param logits [..., V]
 * @param targets [..., V], 0 or more
 */
public record SoftTargetCrossEntropy(Tensor logits, Tensor targets) implements Op {
    public interface Forward {
        void call(Tensor logits, Tensor targets, Tensor loss, Tensor rowLoss, long n, long v);
    }

    public interface Backward {
        void call(
                Tensor logits, Tensor targets, Tensor dloss, @Nullable Tensor dlogits, long n, long v, long accumulate);
    }

    public SoftTargetCrossEntropy {
        Check.real("SoftTargetCrossEntropy", "logits", logits);
        Check.shape(
                "SoftTargetCrossEntropy",
                "targets",
                targets,
                logits,
                logits.shape().extents());
        Check.same("SoftTargetCrossEntropy", "targets", targets, logits);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(logits);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        return List.of(
                new Result("loss", new Shape(1), DType.F32),
                new Result("rowLoss", logits.shape().dropLast(), DType.F32));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        logits,
                        targets,
                        r.getFirst(),
                        r.get(1),
                        logits.shape().rows(),
                        logits.shape().extent(-1));
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        logits,
                        targets,
                        g.of(r.getFirst()),
                        to.add(logits),
                        logits.shape().rows(),
                        logits.shape().extent(-1),
                        to.accumulate());
    }
}
