package cloze.eval;

import cloze.backend.Backend;
import cloze.stat.Features;
import cloze.stat.Lbfgs;
import cloze.stat.Permutation;
import cloze.stat.SoftmaxRegression;
import cloze.stat.Standardization;
import java.util.ArrayList;
import java.util.List;

/**
 * The accuracy of a linear classifier on features. Features are standardised by the statistics of the training rows,
 * then multinomial logistic regression is trained to its minimum. The penalty on the weights is chosen on held-back
 * rows of the training set; test rows are not used for it. The same features give the same bits.
 */
public final class LinearProbe {
    /** From the strongest to the weakest, for the mean loss of standardised features. */
    private static final List<Double> PENALTIES = List.of(1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6);

    private static final int WORSE = 2; // penalties in a row that end the search
    private static final int FOLDS = 5;
    private static final int FEW = 1000; // rows, below which every fold is kept back in its turn
    private static final long SPLIT = 0x70726f6265L;
    private static final double TOLERANCE = 1e-5; // of the mean loss's gradient
    private static final double ROUGH = 1e-3; // to choose a penalty
    private static final int ITERATIONS = 300;

    private final Backend backend;
    private final Standardization standard;
    private final int width;
    private final double[] classifier; // weight [classes, width], then bias [classes]
    private final double penalty;
    private final boolean converged;

    private LinearProbe(
            Backend backend,
            Standardization standard,
            int width,
            double[] classifier,
            double penalty,
            boolean converged) {
        this.width = width;
        this.backend = backend;
        this.standard = standard;
        this.classifier = classifier;
        this.penalty = penalty;
        this.converged = converged;
    }

    /** Trains with the penalty that is best on held-back rows. */
    public static LinearProbe fit(Backend backend, Features train) {
        return fit(backend, train, bestPenalty(backend, train));
    }

    /** Trains with a penalty: {@code penalty / 2 |W|^2} is added to the mean loss. */
    public static LinearProbe fit(Backend backend, Features train, double penalty) {
        Standardization standard = Standardization.of(train);
        double[] classifier = new double[SoftmaxRegression.size(train)];
        try (var regression = new SoftmaxRegression(backend, train, standard)) {
            regression.penalise(penalty);
            boolean converged = new Lbfgs(regression, TOLERANCE, ITERATIONS).minimise(classifier);
            return new LinearProbe(backend, standard, train.width(), classifier, penalty, converged);
        }
    }

    private static double bestPenalty(Backend backend, Features train) {
        var order = new Permutation(train.count(), SPLIT);
        int folds = train.count() < FEW ? FOLDS : 1;
        long[] right = new long[PENALTIES.size()];
        for (int fold = 0; fold < folds; fold++) {
            List<Integer> kept = new ArrayList<>();
            List<Integer> rest = new ArrayList<>();
            for (int i = 0; i < train.count(); i++) {
                (i % FOLDS == fold ? kept : rest).add((int) order.at(i));
            }
            if (!kept.isEmpty() && !rest.isEmpty()) {
                count(backend, train.subset(rest), train.subset(kept), folds == 1, right);
            }
        }
        int best = 0;
        for (int i = 1; i < right.length; i++) {
            best = right[i] > right[best] ? i : best;
        }
        return PENALTIES.get(best);
    }

    /**
     * Adds the number of held-back rows classified correctly under each penalty. Each search starts from the classifier
     * of the one before.
     *
     * @param early true to leave out weaker penalties once accuracy falls
     */
    private static void count(Backend backend, Features rest, Features kept, boolean early, long[] right) {
        Standardization standard = Standardization.of(rest);
        double[] classifier = new double[SoftmaxRegression.size(rest)];
        try (var training = new SoftmaxRegression(backend, rest, standard);
                var judged = new SoftmaxRegression(backend, kept, standard)) {
            var search = new Lbfgs(training, ROUGH, ITERATIONS);
            long best = -1;
            int worse = 0;
            for (int i = 0; i < PENALTIES.size() && (!early || worse < WORSE); i++) {
                training.penalise(PENALTIES.get(i));
                search.minimise(classifier);
                long told = within(judged.ranks(classifier, kept.labels()), 1);
                right[i] += told;
                worse = told > best ? 0 : worse + 1;
                best = Math.max(best, told);
            }
        }
    }

    private static long within(int[] ranks, int k) {
        long count = 0;
        for (int rank : ranks) {
            count += rank < k ? 1 : 0;
        }
        return count;
    }

    /**
     * The share of rows whose class is among the k likeliest, for each k.
     *
     * @param test of the training features' width and classes
     */
    public List<Double> accuracy(Features test, int... ks) {
        try (var regression = new SoftmaxRegression(backend, test, standard)) {
            int[] ranks = regression.ranks(classifier, test.labels());
            List<Double> shares = new ArrayList<>();
            for (int k : ks) {
                shares.add((double) within(ranks, k) / test.count());
            }
            return shares;
        }
    }

    /** The weight that number d of standardised features has for class c. */
    public double weight(int c, int d) {
        return classifier[c * width + d];
    }

    /** The penalty that was used. */
    public double penalty() {
        return penalty;
    }

    /** True if the search ended at the minimum, and not at its last iteration. */
    public boolean converged() {
        return converged;
    }
}
