package cloze.train;

import cloze.train.log.TrainingListener;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Callbacks of a training run. */
public record TrainingHooks(
        @Nullable Evaluation evaluation,
        @Nullable Preview preview,
        List<TrainingListener> listeners,
        ExtraState extraState) {
    public static final TrainingHooks NONE = new TrainingHooks(null, null, List.of(), ExtraState.NONE);

    public TrainingHooks {
        listeners = List.copyOf(listeners);
    }

    public TrainingHooks withEvaluation(Evaluation added) {
        return new TrainingHooks(added, preview, listeners, extraState);
    }

    public TrainingHooks withPreview(Preview added) {
        return new TrainingHooks(evaluation, added, listeners, extraState);
    }

    public TrainingHooks withListener(TrainingListener added) {
        var all = new ArrayList<>(listeners);
        all.add(added);
        return new TrainingHooks(evaluation, preview, all, extraState);
    }

    public TrainingHooks withExtraState(ExtraState added) {
        return new TrainingHooks(evaluation, preview, listeners, added);
    }
}
