package cloze.op;

import java.util.Locale;

/**
 * How far float32 may be from float64: the one place that says so. Each of the {@code reduction} terms of a sum is off by
 * some units in the last place of the largest value; errors of either sign add up with the square root of their number.
 *
 * @param condition how much the function magnifies relative errors of its inputs
 * @param terms magnitude of the terms where they nearly cancel
 */
public record Tolerance(int reduction, double condition, double terms) {
    /** Values below this are hardly more than the errors of differences. */
    static final double SMALLEST = 1e-3;

    private static final double UNITS = 8;

    public Tolerance(int reduction) {
        this(reduction, 1, SMALLEST);
    }

    /** The same for a gradient, whose sums are nested in those of the value. */
    Tolerance ofGradient() {
        return new Tolerance(4 * reduction, condition, terms);
    }

    /** @param scale largest finite magnitude of what is compared */
    public double absolute(double scale) {
        return UNITS * Math.ulp(1f) * Math.sqrt(reduction) * condition * Math.max(terms, scale);
    }

    /** Fails at the first element that is too far off. */
    public void check(String what, double[] expected, float[] actual) {
        if (expected.length != actual.length) {
            throw new AssertionError(
                    String.format(Locale.ROOT, "%s: %d values, not %d", what, actual.length, expected.length));
        }
        double tolerance = absolute(scale(expected));
        for (int i = 0; i < expected.length; i++) {
            if (!agree(expected[i], actual[i], tolerance)) {
                throw new AssertionError(String.format(
                        Locale.ROOT,
                        "%s: element %d is %.9g, float64 says %.9g (tolerance %.2g)",
                        what,
                        i,
                        actual[i],
                        expected[i],
                        tolerance));
            }
        }
    }

    private static boolean agree(double expected, float actual, double tolerance) {
        if (Double.isNaN(expected)) {
            return Float.isNaN(actual);
        }
        return expected == actual || Math.abs(expected - actual) <= tolerance;
    }

    private static double scale(double[] values) {
        double scale = 0;
        for (double value : values) {
            if (Double.isFinite(value)) {
                scale = Math.max(scale, Math.abs(value));
            }
        }
        return scale;
    }
}
