package cloze.train;

import cloze.backend.Backend;
import cloze.checkpoint.Checkpoint;
import cloze.checkpoint.SafetensorsWriter;
import cloze.train.log.RunLog;
import cloze.train.log.TrainingEvent;
import cloze.train.log.TrainingEvent.Reason;
import cloze.train.log.TrainingListener;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** The loop of one {@link Trainer#run}. */
final class TrainingRun {
    private final Step step;
    private final TrainingConfig config;
    private final TrainingHooks hooks;
    private final @Nullable RunFolder folder;
    private final @Nullable RunLog log;
    private final BooleanSupplier stop;
    private final TrainingState state;
    private final List<TrainingListener> listeners = new ArrayList<>();
    private long done;
    private long saved = -1;
    private long began = System.nanoTime();
    private double secondsBefore;
    private double savedAt;

    TrainingRun(
            Backend backend,
            Step step,
            TrainingConfig config,
            TrainingHooks hooks,
            @Nullable RunFolder folder,
            @Nullable RunLog log,
            BooleanSupplier stop) {
        this.step = step;
        this.config = config;
        this.hooks = hooks;
        this.folder = folder;
        this.log = log;
        this.stop = stop;
        state = new TrainingState(backend, step, config.guards(), hooks.extraState());
        if (log != null) {
            listeners.add(log);
        }
        listeners.addAll(hooks.listeners());
    }

    TrainingEvent.Ended go() throws IOException {
        if (folder != null) {
            resume(folder);
        }
        emit(new TrainingEvent.Started(done, config.steps(), step.unit()));
        while (reason() == null) {
            advance();
            boolean last = done == config.steps();
            if (Cadence.due(done, config.cadence().evaluateEvery()) || last) {
                evaluate();
            }
            if (Cadence.due(done, config.cadence().sampleEvery()) || last) {
                sample();
            }
            if (Cadence.due(done, config.cadence().checkpointEvery()) || tooLongUnsaved()) {
                save();
            }
        }
        if (saved != done) {
            save();
        }
        var ended = new TrainingEvent.Ended(done, endReason(), seconds());
        emit(ended);
        return ended;
    }

    /** The reason to end now, or null to continue. */
    private @Nullable Reason reason() {
        if (done >= config.steps()) {
            return Reason.FINISHED;
        }
        if (state.best.exhausted()) {
            return Reason.NO_IMPROVEMENT;
        }
        return stop.getAsBoolean() ? Reason.STOP_REQUESTED : null;
    }

    private Reason endReason() {
        Reason reason = reason();
        return reason == null ? Reason.STOP_REQUESTED : reason;
    }

    private void resume(RunFolder run) throws IOException {
        run.checkpoints().recover();
        Optional<Checkpoint> latest = run.checkpoints().latest();
        if (latest.isPresent()) {
            try (Checkpoint checkpoint = latest.get()) {
                secondsBefore = state.restore(checkpoint);
                done = checkpoint.step();
                saved = done;
                savedAt = secondsBefore;
            }
            began = System.nanoTime();
        }
    }

    private void advance() throws IOException {
        long start = System.nanoTime();
        Step.Outcome outcome = step.compute(done);
        if (!outcome.finite()) {
            throw step.explain(done, outcome);
        }
        double z = Math.max(state.losses.add(outcome.loss()), state.norms.add(outcome.gradientNorm()));
        boolean skipped = config.guards().skips(z);
        if (!skipped) {
            step.update(done, outcome);
        }
        double rate = step.learningRate(done);
        double units = step.units();
        done++;
        double speed = units / Math.max(1e-9, (System.nanoTime() - start) / 1e9);
        if (folder != null) {
            folder.begin();
        }
        emit(new TrainingEvent.Step(done, outcome.loss(), rate, outcome.gradientNorm(), speed, seconds(), skipped));
    }

    private void evaluate() throws IOException {
        Evaluation evaluation = hooks.evaluation();
        if (evaluation == null) {
            return;
        }
        var metrics = new LinkedHashMap<String, Double>();
        step.whileAveraged(() -> metrics.putAll(evaluation.evaluate()));
        boolean best = state.best.consider(metrics);
        if (best && folder != null) {
            folder.requirePresent();
            var model = new SafetensorsWriter();
            state.addModel(model);
            model.metadata("format", "pt").metadata("step", "" + done).write(folder.best());
        }
        emit(new TrainingEvent.Evaluated(done, metrics, seconds(), best));
    }

    private void sample() throws IOException {
        Preview preview = hooks.preview();
        if (preview != null) {
            var text = new StringBuilder();
            step.whileAveraged(() -> text.append(preview.show(done)));
            emit(new TrainingEvent.Sampled(done, text.toString()));
        }
    }

    private boolean tooLongUnsaved() {
        double limit = config.cadence().checkpointSeconds();
        return limit > 0 && seconds() - savedAt >= limit;
    }

    private void save() throws IOException {
        if (folder != null && log != null) {
            folder.requirePresent();
            folder.begin();
            log.sync();
            folder.checkpoints().write(done, checkpoint -> state.addTo(checkpoint, seconds()));
            saved = done;
            savedAt = seconds();
            emit(new TrainingEvent.Checkpointed(done, folder.path(), savedAt));
        }
    }

    private double seconds() {
        return secondsBefore + (System.nanoTime() - began) / 1e9;
    }

    private void emit(TrainingEvent event) throws IOException {
        for (TrainingListener listener : listeners) {
            listener.on(event);
        }
    }
}
