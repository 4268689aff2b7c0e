package cloze.train;

/** The last 128 values of a statistic, and how far the newest lies from their mean. */
final class OutlierWindow {
    static final int LENGTH = 128;

    private final double[] values = new double[LENGTH];
    private long count;

    /**
     * Adds a value.
     *
     * @return how many standard deviations it lies above the mean of the window with it; 0 until that is full
     */
    double add(double value) {
        values[(int) (count++ % LENGTH)] = value;
        if (count <= LENGTH) {
            return 0;
        }
        double sum = 0;
        for (double v : values) {
            sum += v;
        }
        double mean = sum / LENGTH;
        double squares = 0;
        for (double v : values) {
            squares += (v - mean) * (v - mean);
        }
        double deviation = Math.sqrt(squares / LENGTH);
        return deviation == 0 ? 0 : (value - mean) / deviation;
    }

    long count() {
        return count;
    }

    /** The window in the order of its slots, of which the first {@link #count} are used. */
    double[] values() {
        return values.clone();
    }

    void restore(long newCount, double[] newValues) {
        System.arraycopy(newValues, 0, values, 0, LENGTH);
        count = newCount;
    }
}
