package cloze.train;

import cloze.setting.Schema;
import cloze.setting.Setting;

/**
 * Rules for skipping a step and for ending a run early. With early stopping the weights of the best evaluation are kept
 * as {@code best.safetensors}.
 *
 * @param metric of the evaluation that early stopping watches
 * @param lowerIsBetter true for a loss, false for an accuracy
 */
public record Guards(
        @Setting(
                value = "Skip a step whose loss or gradient norm lies so many standard deviations above the"
                        + " mean of the last 128, 0 for never.",
                min = 0)
        double outlierZ,

        @Setting(value = "End after so many evaluations in a row without a new best, 0 for never.", min = 0)
        int patience,

        String metric,
        boolean lowerIsBetter) {
    /** Skips nothing, and ends when all steps are done. */
    public static final Guards NONE = new Guards(0, 0, "val_loss", true);

    public Guards {
        Schema.check(Guards.class, outlierZ, patience, metric, lowerIsBetter);
    }

    /** Skips steps beyond 7 standard deviations, as llm.c does for GPT-2 and GPT-3. */
    public static Guards skippingOutliers() {
        return NONE.withOutlierZ(7);
    }

    public Guards withOutlierZ(double deviations) {
        return Schema.with(this, "outlierZ", deviations);
    }

    /** Ends the run after {@code evaluations} in a row without a new best {@code metric}. */
    public Guards withEarlyStopping(String bestMetric, boolean lower, int evaluations) {
        return new Guards(outlierZ, evaluations, bestMetric, lower);
    }

    boolean stopsEarly() {
        return patience > 0;
    }

    boolean skips(double deviations) {
        return outlierZ > 0 && deviations > outlierZ;
    }
}
