package cloze.train;

import cloze.setting.Schema;
import cloze.setting.Setting;

/**
 * Intervals of evaluation, samples and checkpoints, in steps. All are done after the last step too; 0 means only then.
 */
public record Cadence(
        @Setting(value = "Steps between evaluations, 0 for the end only.", min = 0)
        long evaluateEvery,

        @Setting(
                value = "Steps between samples of the model's output, text or a picture, 0 for the end only.",
                alias = "picture-every",
                min = 0)
        long sampleEvery,

        @Setting(value = "Steps between checkpoints, 0 for the end only.", min = 0)
        long checkpointEvery,

        @Setting(value = "Seconds after which a checkpoint is written anyway, 0 for never.", min = 0)
        double checkpointSeconds,

        @Setting("Fit a linear probe of the encoder at each evaluation; the images need classes.")
        boolean probe) {
    /** Only after the last step. */
    public static final Cadence END = new Cadence(0, 0, 0, 0, false);

    public Cadence {
        Schema.check(Cadence.class, evaluateEvery, sampleEvery, checkpointEvery, checkpointSeconds, probe);
    }

    /** Without a probe, and with no limit on the age of the last checkpoint. */
    public static Cadence of(long evaluateEvery, long sampleEvery, long checkpointEvery) {
        return new Cadence(evaluateEvery, sampleEvery, checkpointEvery, 0, false);
    }

    public Cadence withCheckpointSeconds(double seconds) {
        return Schema.with(this, "checkpointSeconds", seconds);
    }

    public Cadence withProbe(boolean on) {
        return Schema.with(this, "probe", on);
    }

    static boolean due(long step, long every) {
        return every > 0 && step % every == 0;
    }
}
