package cloze.stat;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;

/**
 * Minimises a smooth convex function by limited-memory BFGS, with a bisection line search for the weak Wolfe
 * conditions. Deterministic, without a learning rate.
 *
 * @see "Nocedal and Wright 2006, Numerical Optimization, algorithms 7.4 and 7.5"
 * @see "Lewis and Overton 2013, Nonsmooth optimization via quasi-Newton methods, algorithm 2.6, for the line search"
 */
public final class Lbfgs {
    /** A function of n numbers with its gradient. */
    interface Objective {
        /** @param gradient receives the gradient at x @return the value at x */
        double at(double[] x, double[] gradient);
    }

    private static final int MEMORY = 10;
    private static final int TRIALS = 30;
    private static final double DECREASE = 1e-4;
    private static final double CURVATURE = 0.9;
    private static final double NOISE = 1e-8; // of values whose terms are float32

    /** A step s, the change y of the gradient over it, and 1 / (s y). */
    private static final class Pair {
        final double[] s;
        final double[] y;
        final double rho;

        Pair(double[] s, double[] y, double rho) {
            this.s = s;
            this.y = y;
            this.rho = rho;
        }
    }

    private final Objective objective;
    private final double tolerance;
    private final int most;
    private final Deque<Pair> pairs = new ArrayDeque<>(); // newest first

    /**
     * Sets up a minimisation.
     *
     * @param tolerance for the largest absolute entry of the gradient
     * @param most maximum number of iterations
     */
    public Lbfgs(Objective objective, double tolerance, int most) {
        this.objective = objective;
        this.tolerance = tolerance;
        this.most = most;
    }

    /**
     * Moves x to the minimum.
     *
     * @return true if the gradient there is within the tolerance
     */
    public boolean minimise(double[] x) {
        pairs.clear();
        double[] gradient = new double[x.length];
        double value = objective.at(x, gradient);
        for (int i = 0; i < most; i++) {
            if (largest(gradient) <= tolerance) {
                return true;
            }
            double[] direction = direction(gradient);
            double first = pairs.isEmpty() ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
            double[] from = x.clone();
            double[] before = gradient.clone();
            value = search(x, value, direction, gradient, first);
            if (!remember(difference(x, from), difference(gradient, before))) {
                return largest(gradient) <= tolerance; // the step is lost in rounding
            }
        }
        return largest(gradient) <= tolerance;
    }

    /** The step direction, by the two-loop recursion over the newest pairs. */
    private double[] direction(double[] gradient) {
        double[] q = gradient.clone();
        double[] alpha = new double[pairs.size()];
        int i = 0;
        for (Pair pair : pairs) {
            alpha[i] = pair.rho * dot(pair.s, q);
            add(q, -alpha[i++], pair.y);
        }
        Pair newest = pairs.peekFirst();
        double scale = newest == null ? 1 : 1 / (newest.rho * dot(newest.y, newest.y));
        for (int j = 0; j < q.length; j++) {
            q[j] *= scale;
        }
        for (Iterator<Pair> oldest = pairs.descendingIterator(); oldest.hasNext(); ) {
            Pair pair = oldest.next();
            add(q, alpha[--i] - pair.rho * dot(pair.y, q), pair.s);
        }
        for (int j = 0; j < q.length; j++) {
            q[j] = -q[j];
        }
        return q;
    }

    private boolean remember(double[] s, double[] y) {
        double curvature = dot(s, y);
        if (!(curvature > 1e-14 * dot(y, y))) {
            return false;
        }
        if (pairs.size() == MEMORY) {
            pairs.removeLast();
        }
        pairs.addFirst(new Pair(s, y, 1 / curvature));
        return true;
    }

    /**
     * Moves x along a direction and updates the gradient.
     *
     * @return the value at the new x
     */
    private double search(double[] x, double value, double[] direction, double[] gradient, double first) {
        double slope = dot(direction, gradient);
        double[] from = x.clone();
        double low = 0;
        double high = Double.POSITIVE_INFINITY;
        double step = first;
        double found = value;
        for (int trial = 0; trial < TRIALS; trial++) {
            for (int j = 0; j < x.length; j++) {
                x[j] = from[j] + step * direction[j];
            }
            found = objective.at(x, gradient);
            if (!(found <= value + DECREASE * step * slope + NOISE * Math.abs(value))) {
                high = step;
            } else if (dot(direction, gradient) < CURVATURE * slope) {
                low = step;
            } else {
                return found;
            }
            step = high == Double.POSITIVE_INFINITY ? 2 * step : (low + high) / 2;
        }
        return found;
    }

    private static double largest(double[] x) {
        double largest = 0;
        for (double each : x) {
            largest = Math.max(largest, Math.abs(each)); // max() keeps NaN
        }
        return largest;
    }

    private static double dot(double[] x, double[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += x[i] * y[i];
        }
        return sum;
    }

    private static void add(double[] to, double factor, double[] x) {
        for (int i = 0; i < to.length; i++) {
            to[i] += factor * x[i];
        }
    }

    private static double[] difference(double[] x, double[] y) {
        double[] z = new double[x.length];
        for (int i = 0; i < z.length; i++) {
            z[i] = x[i] - y[i];
        }
        return z;
    }
}
