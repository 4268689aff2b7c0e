package cloze.train;

import cloze.train.log.TrainingListener;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a run calls besides its objective. */
public record TrainingHooks(
        @Nullable Evaluation evaluation,
        @Nullable Sampling sampling,
        List<TrainingListener> listeners,
        ExtraState extraState) {
    public static final TrainingHooks NONE = new TrainingHooks(null, null, List.of(), ExtraState.NONE);

    public TrainingHooks {
        listeners = List.copyOf(listeners);
    }

    public TrainingHooks withEvaluation(Evaluation added) {
        return new TrainingHooks(added, sampling, listeners, extraState);
    }

    public TrainingHooks withSampling(Sampling added) {
        return new TrainingHooks(evaluation, added, listeners, extraState);
    }

    public TrainingHooks withListener(TrainingListener added) {
        var all = new ArrayList<>(listeners);
        all.add(added);
        return new TrainingHooks(evaluation, sampling, all, extraState);
    }

    public TrainingHooks withExtraState(ExtraState added) {
        return new TrainingHooks(evaluation, sampling, listeners, added);
    }
}
