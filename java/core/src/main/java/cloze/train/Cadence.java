package cloze.train;

/**
 * How often things are done, in steps; everything is done after the last step too, and 0 means only then.
 *
 * @param evaluateEvery without an {@link Evaluation} nothing is evaluated
 * @param sampleEvery without a {@link Sampling} nothing is sampled
 * @param checkpointSeconds a checkpoint is also written when the last is so old; 0 for any age
 */
public record Cadence(long evaluateEvery, long sampleEvery, long checkpointEvery, double checkpointSeconds) {
    /** Only after the last step. */
    public static final Cadence END = new Cadence(0, 0, 0, 0);

    public Cadence {
        TrainingConfig.require("evaluateEvery", "at least 0", evaluateEvery, evaluateEvery >= 0);
        TrainingConfig.require("sampleEvery", "at least 0", sampleEvery, sampleEvery >= 0);
        TrainingConfig.require("checkpointEvery", "at least 0", checkpointEvery, checkpointEvery >= 0);
        TrainingConfig.require("checkpointSeconds", "at least 0", checkpointSeconds, checkpointSeconds >= 0);
    }

    static boolean due(long step, long every) {
        return every > 0 && step % every == 0;
    }
}
