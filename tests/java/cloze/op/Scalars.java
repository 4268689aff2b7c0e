package cloze.op;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;

/** Scalar functions in float64. */
final class Scalars {
    private Scalars() {}

    static double[] each(double[] x, DoubleUnaryOperator f) {
        return Arrays.stream(x).map(f).toArray();
    }

    static double activation(Activation activation, double x) {
        return switch (activation) {
            case NONE -> x;
            case GELU_ERF -> 0.5 * x * erfc(-x / Math.sqrt(2));
            case GELU_TANH -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
            case RELU -> Math.max(x, 0);
            case TANH -> Math.tanh(x);
        };
    }

    /** By central differences, but where there is a kink. */
    static double slope(Activation activation, double x) {
        return activation == Activation.RELU
                ? x > 0 ? 1 : 0
                : (activation(activation, x + Case.STEP) - activation(activation, x - Case.STEP)) / (2 * Case.STEP);
    }

    static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** By its Taylor series near 0 and its continued fraction elsewhere (Abramowitz and Stegun 7.1.6 and 7.1.14). */
    static double erfc(double x) {
        if (x < 0) {
            return 2 - erfc(-x);
        }
        if (x < 2) {
            double term = x;
            double sum = x;
            for (int n = 1; n < 60; n++) {
                term *= 2 * x * x / (2 * n + 1);
                sum += term;
            }
            return 1 - 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
        }
        double fraction = x;
        for (int n = 120; n > 0; n--) {
            fraction = x + n / 2.0 / fraction;
        }
        return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
    }
}
