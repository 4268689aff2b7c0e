package cloze.stat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Principal component analysis: eigenvectors of the covariance by power iteration and deflation. The largest entry of
 * each direction is positive.
 */
public final class PrincipalComponents {
    private static final int ITERATIONS = 2000;
    private static final double TOLERANCE = 1e-12;

    private final double[] mean;
    private final List<double[]> directions;
    private final List<Double> shares;

    private PrincipalComponents(double[] mean, List<double[]> directions, List<Double> shares) {
        this.mean = mean;
        this.directions = directions;
        this.shares = List.copyOf(shares);
    }

    /**
     * Computes the first components.
     *
     * @param rows each [D], at least two
     * @param count of components, at most D
     */
    public static PrincipalComponents of(List<float[]> rows, int count) {
        int width = rows.getFirst().length;
        if (rows.size() < 2 || count < 1 || count > width) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "PrincipalComponents: 2 rows or more and 1 to %d components are needed, but they are %d and %d",
                    width,
                    rows.size(),
                    count));
        }
        double[] mean = mean(rows, width);
        double[][] covariance = covariance(rows, mean);
        double all = 0;
        for (int d = 0; d < width; d++) {
            all += covariance[d][d];
        }
        List<double[]> directions = new ArrayList<>();
        List<Double> shares = new ArrayList<>();
        for (int c = 0; c < count; c++) {
            double[] direction = largest(covariance, c);
            double variance = dot(direction, product(covariance, direction));
            directions.add(direction);
            shares.add(all == 0 ? 0 : variance / all);
            for (int i = 0; i < width; i++) {
                for (int j = 0; j < width; j++) {
                    covariance[i][j] -= variance * direction[i] * direction[j];
                }
            }
        }
        return new PrincipalComponents(mean, directions, shares);
    }

    private static double[] mean(List<float[]> rows, int width) {
        double[] mean = new double[width];
        for (float[] row : rows) {
            for (int d = 0; d < width; d++) {
                mean[d] += row[d] / (double) rows.size();
            }
        }
        return mean;
    }

    private static double[][] covariance(List<float[]> rows, double[] mean) {
        int width = mean.length;
        double[][] covariance = new double[width][width];
        double[] centred = new double[width];
        for (float[] row : rows) {
            for (int d = 0; d < width; d++) {
                centred[d] = row[d] - mean[d];
            }
            for (int i = 0; i < width; i++) {
                for (int j = 0; j < width; j++) {
                    covariance[i][j] += centred[i] * centred[j] / (rows.size() - 1);
                }
            }
        }
        return covariance;
    }

    /** The eigenvector of the largest eigenvalue. */
    private static double[] largest(double[][] matrix, int key) {
        double[] x = new double[matrix.length];
        for (int d = 0; d < x.length; d++) {
            x[d] = (Permutation.mix(key * 0x10001L + d) >> 11) * 0x1p-52; // any start not orthogonal to the result
        }
        normalise(x);
        for (int i = 0; i < ITERATIONS; i++) {
            double[] y = product(matrix, x);
            if (!normalise(y)) {
                return x; // the remaining variance is 0
            }
            double change = 0;
            for (int d = 0; d < x.length; d++) {
                change = Math.max(change, Math.abs(y[d] - x[d]));
            }
            x = y;
            if (change < TOLERANCE) {
                break;
            }
        }
        int top = 0;
        for (int d = 1; d < x.length; d++) {
            top = Math.abs(x[d]) > Math.abs(x[top]) ? d : top;
        }
        double sign = Math.signum(x[top]);
        for (int d = 0; d < x.length; d++) {
            x[d] *= sign;
        }
        return x;
    }

    private static boolean normalise(double[] x) {
        double length = Math.sqrt(dot(x, x));
        for (int d = 0; length > 0 && d < x.length; d++) {
            x[d] /= length;
        }
        return length > 0;
    }

    private static double dot(double[] x, double[] y) {
        double sum = 0;
        for (int d = 0; d < x.length; d++) {
            sum += x[d] * y[d];
        }
        return sum;
    }

    private static double[] product(double[][] matrix, double[] x) {
        double[] y = new double[x.length];
        for (int i = 0; i < y.length; i++) {
            y[i] = dot(matrix[i], x);
        }
        return y;
    }

    /** The coordinate of a row along component c. */
    public double along(int c, float[] row) {
        double sum = 0;
        for (int d = 0; d < mean.length; d++) {
            sum += (row[d] - mean[d]) * directions.get(c)[d];
        }
        return sum;
    }

    /** The share of the total variance that each component explains. */
    public List<Double> shares() {
        return shares;
    }
}
