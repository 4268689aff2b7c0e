package cloze.train;

import cloze.backend.Backend;
import cloze.tensor.Scope;
import cloze.train.log.RunLog;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Trains a model:
 *
 * <pre>
 * for each step
 *     gradients = mean of those of the micro-batches
 *     stop if not finite, skip if an outlier, clip, update the weights and their average
 *     now and then evaluate, sample, save
 * </pre>
 *
 * <p>With a {@link RunFolder} that holds a checkpoint it goes on from there, to the same bits as if never interrupted.
 */
public final class Trainer {
    private final Backend backend;
    private final Step.Maker steps;
    private final TrainingConfig config;
    private final TrainingHooks hooks;
    private final @Nullable RunFolder folder;
    private final AtomicBoolean stop = new AtomicBoolean();

    /**
     * Trains by a tape.
     *
     * @param folder takes checkpoints and logs; null keeps nothing but the trained weights
     */
    public Trainer(
            Backend backend,
            Objective objective,
            TrainingConfig config,
            TrainingHooks hooks,
            @Nullable RunFolder folder) {
        this(backend, (device, scope) -> new TapeStep(device, scope, objective, config), config, hooks, folder);
    }

    /**
     * Trains by steps of any kind.
     *
     * @param folder takes checkpoints and logs; null keeps nothing but the trained weights
     */
    public Trainer(
            Backend backend, Step.Maker steps, TrainingConfig config, TrainingHooks hooks, @Nullable RunFolder folder) {
        this.backend = backend;
        this.steps = steps;
        this.config = config;
        this.hooks = hooks;
        this.folder = folder;
    }

    /**
     * Trains until the end, in the calling thread. The parameters are then those of the last step, not their average.
     *
     * @throws NonFiniteException if the loss or a gradient is no longer a finite number; the message names the tensor
     * @throws IOException if the run folder can not be read or written, or a listener fails
     */
    public TrainingEvent.Ended run() throws IOException {
        try (Scope scope = backend.memory().scope("training");
                RunLog log = folder == null ? null : new RunLog(folder)) {
            Step step = steps.make(backend, scope);
            return new TrainingRun(backend, step, config, hooks, folder, log, stop::get).go();
        } catch (IOException | RuntimeException e) {
            if (folder != null) {
                folder.abandon(); // a new run that did not come to its first step is none
            }
            throw e;
        }
    }

    /** Ends the run after the present step, with a checkpoint; from any thread. */
    public void requestStop() {
        stop.set(true);
    }
}
