package cloze.train.log;

import cloze.train.Trainer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** An event of a run. {@code step} is the number of steps done, {@code seconds} the time that all of them took. */
public sealed interface TrainingEvent {
    long step();

    /**
     * Always the first.
     *
     * @param step 0, or that of the checkpoint from which the run goes on
     */
    record Started(long step, long steps, String unit) implements TrainingEvent {}

    /**
     * A step is done.
     *
     * @param learningRate of this step
     * @param gradientNorm before clipping
     * @param skipped true if the step was an outlier and changed nothing
     */
    record Step(
            long step,
            double loss,
            double learningRate,
            double gradientNorm,
            double unitsPerSecond,
            double seconds,
            boolean skipped)
            implements TrainingEvent {}

    /**
     * @param metrics in the order of the evaluation
     * @param best true if this is the best so far by the metric of early stopping
     */
    record Evaluated(long step, Map<String, Double> metrics, double seconds, boolean best) implements TrainingEvent {
        public Evaluated {
            metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
        }
    }

    record Sampled(long step, String text) implements TrainingEvent {}

    /** A checkpoint is on the disk. */
    record Checkpointed(long step, Path folder, double seconds) implements TrainingEvent {}

    /** Always the last, unless the run fails. */
    record Ended(long step, Reason reason, double seconds) implements TrainingEvent {}

    /** The reason for which a run ends. */
    enum Reason {
        /** All steps are done. */
        FINISHED,
        /** The evaluation has not improved for too long. */
        NO_IMPROVEMENT,
        /** {@link Trainer#requestStop} was called; the run can be resumed. */
        STOP_REQUESTED
    }
}
