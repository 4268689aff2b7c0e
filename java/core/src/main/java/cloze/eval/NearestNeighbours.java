package cloze.eval;

import cloze.backend.Backend;
import cloze.op.Activation;
import cloze.op.MatMul;
import cloze.stat.Features;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * Classifies by the k nearest training rows by cosine, each with a vote of {@code exp(cosine / 0.07)}.
 *
 * @see <a href="https://arxiv.org/abs/1805.01978">Wu et al. 2018, section 3.4; DINO uses the same with k = 20</a>
 */
public final class NearestNeighbours {
    private static final double TEMPERATURE = 0.07;
    private static final int QUERIES = 256; // rows that are computed together

    private NearestNeighbours() {}

    /**
     * The accuracy on the test rows.
     *
     * @param k neighbours; all rows where there are fewer
     */
    public static double accuracy(Backend backend, Features train, Features test, int k) {
        int width = train.width();
        int n = train.count();
        long right = 0;
        try (Scope scope = backend.memory().scope("nearest neighbours")) {
            Tensor known = scope.tensor("known", new Shape(n, width), DType.F32);
            for (int from = 0; from < n; from += QUERIES) {
                int rows = Math.min(QUERIES, n - from);
                Tensor piece = scope.slice(known, (long) from * width, "piece", new Shape(rows, width), false);
                backend.upload(MemorySegment.ofArray(unit(train, from, rows)), piece);
            }
            for (int from = 0; from < test.count(); from += QUERIES) {
                int rows = Math.min(QUERIES, test.count() - from);
                try (Scope step = scope.child("queries")) {
                    Tensor asked = step.tensor("asked", new Shape(rows, width), DType.F32);
                    Tensor cosines = step.tensor("cosines", new Shape(rows, n), DType.F32);
                    backend.set(asked, unit(test, from, rows));
                    backend.kernel(MatMul.Forward.class)
                            .call(asked, known, null, cosines, null, rows, width, n, Activation.NONE.code());
                    float[] all = backend.floats(cosines);
                    for (int i = 0; i < rows; i++) {
                        right += vote(train, all, i * n, k) == test.label(from + i) ? 1 : 0;
                    }
                }
            }
        }
        return (double) right / test.count();
    }

    /** Rows of length 1; zeros stay. */
    private static float[] unit(Features features, int from, int rows) {
        int width = features.width();
        float[] unit = new float[rows * width];
        for (int i = 0; i < rows; i++) {
            double squares = 0;
            for (int d = 0; d < width; d++) {
                squares += (double) features.at(from + i, d) * features.at(from + i, d);
            }
            double scale = squares == 0 ? 0 : 1 / Math.sqrt(squares);
            for (int d = 0; d < width; d++) {
                unit[i * width + d] = (float) (features.at(from + i, d) * scale);
            }
        }
        return unit;
    }

    /** The class with most votes, the first of several. */
    private static int vote(Features train, float[] cosines, int at, int k) {
        int[] nearest = nearest(cosines, at, train.count(), k);
        double[] votes = new double[train.classes()];
        for (int i : nearest) {
            votes[train.label(i)] += Math.exp(cosines[at + i] / TEMPERATURE);
        }
        int best = 0;
        for (int c = 1; c < votes.length; c++) {
            best = votes[c] > votes[best] ? c : best;
        }
        return best;
    }

    /**
     * The places of the k largest of n values, the largest first and the first of equal ones.
     *
     * @param at where the values begin
     */
    public static int[] nearest(float[] values, int at, int n, int k) {
        int[] found = new int[Math.min(k, n)];
        int count = 0;
        for (int i = 0; i < n; i++) {
            float value = values[at + i];
            if (count == found.length && !(value > values[at + found[count - 1]])) {
                continue;
            }
            int place = count < found.length ? count++ : count - 1;
            while (place > 0 && value > values[at + found[place - 1]]) {
                found[place] = found[place - 1];
                place--;
            }
            found[place] = i;
        }
        return found;
    }
}
