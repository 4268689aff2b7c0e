package cloze.measure;

import org.jspecify.annotations.Nullable;

/**
 * One measurement.
 *
 * @param name of a subject or step
 * @param pass the call that was measured
 * @param dtype of activations
 * @param seconds of a call, the median; NaN if it failed
 * @param cost its least work
 * @param share of the ceiling of this run, 1 for all of it; 0 where there is none
 * @param failure the reason for a missing time, or null
 */
public record Line(
        String name,
        String pass,
        String shape,
        String dtype,
        double seconds,
        Cost cost,
        double share,
        @Nullable String failure) {
    static Line failed(String name, String pass, String shape, String dtype, RuntimeException e) {
        return new Line(name, pass, shape, dtype, Double.NaN, Cost.NONE, 0, String.valueOf(e.getMessage()));
    }
}
