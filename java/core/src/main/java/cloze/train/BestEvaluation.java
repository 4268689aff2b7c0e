package cloze.train;

import java.util.Locale;
import java.util.Map;

/** The best evaluation so far, by the metric that early stopping watches. */
final class BestEvaluation {
    private final Guards rule;
    private double value = Double.NaN;
    private long since;

    BestEvaluation(Guards rule) {
        this.rule = rule;
    }

    /** @return whether the evaluation is the best so far */
    boolean consider(Map<String, Double> metrics) {
        if (!rule.stopsEarly()) {
            return false;
        }
        Double metric = metrics.get(rule.metric());
        if (metric == null) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "Guards: metric must be one of %s, but is '%s'", metrics.keySet(), rule.metric()));
        }
        boolean first = Double.isNaN(value) && !Double.isNaN(metric);
        boolean better = first || (rule.lowerIsBetter() ? metric < value : metric > value);
        value = better ? metric : value;
        since = better ? 0 : since + 1;
        return better;
    }

    boolean exhausted() {
        return rule.stopsEarly() && since >= rule.patience();
    }

    /** The metric of the best evaluation, NaN if there was none. */
    double value() {
        return value;
    }

    /** Evaluations since then. */
    long since() {
        return since;
    }

    void restore(double newValue, long newSince) {
        value = newValue;
        since = newSince;
    }
}
