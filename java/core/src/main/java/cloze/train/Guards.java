package cloze.train;

import org.jspecify.annotations.Nullable;

/**
 * When a step is skipped, and when a run ends early.
 *
 * @param outlierZ a step whose loss or gradient norm lies more than so many standard deviations above the mean of the
 *     last 128 is skipped; infinite for never
 */
public record Guards(double outlierZ, @Nullable EarlyStopping earlyStopping) {
    public static final Guards NONE = new Guards(Double.POSITIVE_INFINITY, null);

    /**
     * Ends a run when an evaluation metric no longer improves; the best weights are kept as {@code best.safetensors}.
     *
     * @param patience evaluations in a row without a new best
     */
    public record EarlyStopping(String metric, boolean lowerIsBetter, int patience) {
        public EarlyStopping {
            TrainingConfig.require("patience", "at least 1", patience, patience >= 1);
        }
    }

    public Guards {
        TrainingConfig.require("outlierZ", "more than 0", outlierZ, outlierZ > 0);
    }

    /** Skips steps beyond 7 standard deviations, as llm.c does for GPT-2 and GPT-3. */
    public static Guards skippingOutliers() {
        return new Guards(7, null);
    }

    public Guards withEarlyStopping(EarlyStopping changed) {
        return new Guards(outlierZ, changed);
    }
}
