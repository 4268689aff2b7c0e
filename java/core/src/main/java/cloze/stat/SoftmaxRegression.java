package cloze.stat;

import cloze.backend.Backend;
import cloze.op.Activation;
import cloze.op.MatMul;
import cloze.op.SoftmaxCrossEntropy;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * The loss of a linear classifier over all rows of features, and its gradient:
 * {@code -mean_i log softmax(W x_i + b)[y_i] + penalty / 2 |W|^2}. The device holds the standardised rows.
 */
public final class SoftmaxRegression implements Lbfgs.Objective, AutoCloseable {
    private static final int PIECE = 1 << 22; // floats that are standardised at a time
    private static final long ADD_NOTHING = 0;

    private final Backend backend;
    private final Scope scope;
    private final int classes;
    private final int count;
    private final int width;
    private final Tensor x;
    private final Tensor targets;
    private final Tensor weight;
    private final Tensor bias;
    private final Tensor logits;
    private final Tensor loss;
    private final Tensor rowLoss;
    private final Tensor dweight;
    private final Tensor dbias;
    private double penalty;

    /** Allocates memory for the rows on the device; {@link #close} frees it. */
    public SoftmaxRegression(Backend backend, Features features, Standardization standard) {
        this.backend = backend;
        classes = features.classes();
        count = features.count();
        width = features.width();
        scope = backend.memory().scope("linear probe");
        x = scope.tensor("features", new Shape(count, width), DType.F32);
        targets = scope.tensor("targets", new Shape(count), DType.I32);
        weight = scope.tensor("weight", new Shape(classes, width), DType.F32);
        bias = scope.tensor("bias", new Shape(classes), DType.F32);
        logits = scope.tensor("logits", new Shape(count, classes), DType.F32);
        loss = scope.tensor("loss", new Shape(1), DType.F32);
        rowLoss = scope.tensor("rowLoss", new Shape(count), DType.F32);
        dweight = scope.tensor("dweight", weight.shape(), DType.F32);
        dbias = scope.tensor("dbias", bias.shape(), DType.F32);
        int rows = Math.max(1, PIECE / width);
        for (int from = 0; from < count; from += rows) {
            int to = Math.min(count, from + rows);
            Tensor piece = scope.slice(x, (long) from * width, "piece", new Shape(to - from, width), false);
            backend.upload(MemorySegment.ofArray(standard.apply(features, from, to)), piece);
        }
        backend.set(targets, features.labels());
    }

    /** Number of parameters of a classifier: weight [classes, D], then bias [classes]. */
    public static int size(Features features) {
        return features.classes() * (features.width() + 1);
    }

    public void penalise(double by) {
        penalty = by;
    }

    private void logits(double[] at) {
        float[] w = new float[classes * width];
        float[] b = new float[classes];
        for (int i = 0; i < w.length; i++) {
            w[i] = (float) at[i];
        }
        for (int i = 0; i < b.length; i++) {
            b[i] = (float) at[w.length + i];
        }
        backend.set(weight, w);
        backend.set(bias, b);
        backend.kernel(MatMul.Forward.class)
                .call(x, weight, bias, logits, null, count, width, classes, Activation.NONE.code());
    }

    @Override
    public double at(double[] classifier, double[] gradient) {
        logits(classifier);
        backend.kernel(SoftmaxCrossEntropy.Forward.class)
                .call(logits, targets, loss, rowLoss, count, classes, classes, SoftmaxCrossEntropy.IGNORE, 0, 1);
        Tensor dlogits = logits; // the cross-entropy kernel replaces logits by their gradient
        backend.kernel(MatMul.Backward.class)
                .call(
                        x,
                        weight,
                        null,
                        dlogits,
                        null,
                        dweight,
                        dbias,
                        count,
                        width,
                        classes,
                        Activation.NONE.code(),
                        ADD_NOTHING);
        double value = 0;
        for (float each : backend.floats(rowLoss)) { // float32 sums would end the search early
            value += each / (double) count;
        }
        float[] dw = backend.floats(dweight);
        for (int i = 0; i < dw.length; i++) {
            gradient[i] = dw[i] + penalty * classifier[i];
            value += penalty / 2 * classifier[i] * classifier[i];
        }
        float[] db = backend.floats(dbias);
        for (int i = 0; i < db.length; i++) {
            gradient[dw.length + i] = db[i];
        }
        return value;
    }

    /** For each row, the number of other classes whose logit is at least that of the true class, [N]. */
    public int[] ranks(double[] classifier, int[] labels) {
        logits(classifier);
        float[] z = backend.floats(logits);
        int[] ranks = new int[count];
        for (int i = 0; i < count; i++) {
            float own = z[i * classes + labels[i]];
            for (int c = 0; c < classes; c++) {
                if (c != labels[i] && !(z[i * classes + c] < own)) {
                    ranks[i]++;
                }
            }
        }
        return ranks;
    }

    @Override
    public void close() {
        scope.close();
    }
}
