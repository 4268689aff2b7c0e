package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.ShapeException;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Locale;

/**
 * The mean over rows of {@code -log softmax(logits)[target]}, in nats; with label smoothing s, of (1 - s) times that
 * plus s times the mean over all classes. Results: the mean [1], and the loss of each row [N], 0 where it is ignored.
 * While training the gradient replaces the logits, which are freed by {@code backward} anyway.
 *
 * @param logits [..., C], overwritten while training
 * @param targets [...] i32, each in [0, V) or {@code ignoreIndex}
 * @param classes V, at most C: later columns are ignored, and their gradient is 0
 * @param ignoreIndex the target of rows that do not count
 */
public record SoftmaxCrossEntropy(Tensor logits, Tensor targets, int classes, int ignoreIndex, float labelSmoothing)
        implements Op {
    /** The default target of rows that do not count. */
    public static final int IGNORE = -1;

    /** {@code logits} becomes its own gradient if {@code gradient} is 1. */
    public interface Forward {
        void call(
                Tensor logits,
                Tensor targets,
                Tensor loss,
                Tensor rowLoss,
                long n,
                long v,
                long columns,
                long ignoreIndex,
                float labelSmoothing,
                long gradient);
    }

    /** Scales {@code dlogits} by {@code dloss}. */
    public interface Backward {
        void call(Tensor dloss, Tensor dlogits, long n, long columns);
    }

    public SoftmaxCrossEntropy {
        Check.real("SoftmaxCrossEntropy", "logits", logits);
        Check.dtype("SoftmaxCrossEntropy", "targets", targets, DType.I32);
        if (targets.shape().size() != logits.shape().rows()) {
            throw new ShapeException("SoftmaxCrossEntropy", "targets", "one for each row of " + logits, targets);
        }
        Check.that(
                classes > 0 && classes <= logits.shape().extent(-1),
                "SoftmaxCrossEntropy",
                "classes",
                String.format(
                        Locale.ROOT,
                        "in [1, %d], the columns of the logits",
                        logits.shape().extent(-1)),
                classes);
        Check.that(
                labelSmoothing >= 0 && labelSmoothing <= 1,
                "SoftmaxCrossEntropy",
                "labelSmoothing",
                "in [0, 1]",
                labelSmoothing);
    }

    public SoftmaxCrossEntropy(Tensor logits, Tensor targets) {
        this(logits, targets, logits.shape().extent(-1));
    }

    public SoftmaxCrossEntropy(Tensor logits, Tensor targets, int classes) {
        this(logits, targets, classes, IGNORE, 0);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(logits);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        return List.of(new Result("loss", new Shape(1), DType.F32), new Result("rowLoss", targets.shape(), DType.F32));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        logits,
                        targets,
                        r.get(0),
                        r.get(1),
                        logits.shape().rows(),
                        classes,
                        logits.shape().extent(-1),
                        ignoreIndex,
                        labelSmoothing,
                        training ? 1 : 0);
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        backend.kernel(Backward.class)
                .call(
                        g.of(r.getFirst()),
                        logits,
                        logits.shape().rows(),
                        logits.shape().extent(-1));
        g.lend(logits, logits);
    }
}
