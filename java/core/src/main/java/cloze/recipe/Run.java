package cloze.recipe;

import cloze.backend.Backend;
import cloze.checkpoint.RunIdentity;
import cloze.io.DataException;
import cloze.nn.Parameters;
import cloze.setting.Schema;
import cloze.tensor.Scope;
import cloze.train.Evaluation;
import cloze.train.ExtraState;
import cloze.train.MemoryEstimate;
import cloze.train.Objective;
import cloze.train.Preview;
import cloze.train.RunException;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingConfig;
import cloze.train.TrainingHooks;
import cloze.train.log.MetricsLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The training of a recipe in a run folder, new or resumed:
 *
 * <pre>
 * Recipe&lt;?, ?&gt; recipe = Recipes.named("gpt").orElseThrow();
 * try (RunFolder folder = RunFolder.create(path);
 *         Run&lt;?, ?&gt; run = Run.start(folder, recipe, recipe.preset(), backend, Opening.of(cache))) {
 *     run.memory().require(backend);
 *     run.trainer(TrainingHooks.NONE).run();
 * }
 * </pre>
 *
 * <p>Not thread-safe. Closing it closes data and model, not the folder and not the backend.
 */
public final class Run<C extends Record, M> implements AutoCloseable {
    /**
     * What may change when a run is resumed.
     *
     * @param acceptData true to go on with changed data or other kernels, which the run then notes
     * @param data where the data are now; null if they have not moved
     * @param steps the new length of the run, longer than before: it goes on as a run of this length would from its step
     *     on, with the same steps of warm-up; 0 for the same length
     */
    public record Changes(boolean acceptData, @Nullable String data, long steps) {
        /** Nothing. */
        public static final Changes NONE = new Changes(false, null, 0);

        <C extends Record> Preset<C> to(Preset<C> stored, Path folder) throws RunException {
            Preset<C> changed = data == null ? stored : stored.withDataFrom(data);
            if (steps == 0) {
                return changed;
            }
            long before = (long) Objects.requireNonNull(stored.get("settings.length.steps"));
            if (steps <= before) {
                throw new RunException(String.format(
                        Locale.ROOT,
                        "%s: a longer run needs more than its %d steps, but --steps is %d",
                        folder,
                        before,
                        steps));
            }
            double warmup = stored.settings().optimization().warmup();
            return changed.withSettings(Schema.with(changed.settings(), "length.steps", steps)
                    .withWarmup(warmup < 1 ? Math.rint(warmup * before) : warmup));
        }
    }

    private static final Logger LOG = LoggerFactory.getLogger(Run.class);
    private final RunFolder folder;
    private final Recipe<C, M> recipe;
    private final Prepared<C, M> prepared;
    private final Backend backend;
    private final Scope scope;
    private final Parameters.Built<M> built;
    private @Nullable Objective objective;
    private @Nullable Evaluation evaluation;

    private Run(RunFolder folder, Recipe<C, M> recipe, Prepared<C, M> prepared, Backend backend) throws IOException {
        this.folder = folder;
        this.recipe = recipe;
        this.prepared = prepared;
        this.backend = backend;
        scope = backend.memory().scope("model");
        try {
            built = recipe.build(prepared.preset(), backend, scope);
            if (!Files.exists(folder.model())) { // else the newest checkpoint has all
                prepared.begin(built, backend);
            }
        } catch (IOException | RuntimeException e) {
            scope.close();
            prepared.close();
            throw e;
        }
    }

    /**
     * Begins a run: opens the data, makes the model, writes {@code config.json}.
     *
     * @throws IOException if data or checkpoint can not be read, or the folder not be written
     */
    public static <C extends Record, M> Run<C, M> start(
            RunFolder folder, Recipe<C, M> recipe, Preset<C> chosen, Backend backend, Opening opening)
            throws IOException {
        Preset<C> on = chosen.withAbsolutePaths().withSettings(chosen.settings().withPrecision(backend.precision()));
        try {
            Prepared<C, M> prepared = recipe.open(on, opening);
            try {
                recipe.training(prepared.preset()); // refuses settings that exclude each other
                prepared.save(folder.path());
                var identity = RunIdentity.of(prepared.identity()).withKernels(backend.kernels());
                new StoredRun<>(recipe, prepared.preset()).write(folder.config(), identity);
            } catch (IOException | RuntimeException e) {
                prepared.close();
                throw e;
            }
            return new Run<>(folder, recipe, prepared, backend);
        } catch (IOException | RuntimeException e) {
            folder.abandon();
            throw e;
        }
    }

    /** Resumes a run of any recipe, as its folder describes it. */
    public static Run<?, ?> resume(RunFolder folder, Backend backend, Opening opening) throws IOException {
        return resume(folder, backend, opening, Changes.NONE);
    }

    /**
     * Resumes a run of any recipe with changes.
     *
     * @throws DataException if the data, the classes or the kernels are others, and that is not accepted
     */
    public static Run<?, ?> resume(RunFolder folder, Backend backend, Opening opening, Changes changes)
            throws IOException {
        return resume(folder, StoredRun.read(folder.path()), backend, opening, changes);
    }

    /**
     * Resumes a run of one recipe.
     *
     * @throws WrongModelException if the folder holds a run of another recipe
     */
    public static <C extends Record, M> Run<C, M> resume(
            RunFolder folder, Recipe<C, M> recipe, Backend backend, Opening opening) throws IOException {
        return resume(folder, recipe, backend, opening, Changes.NONE);
    }

    /**
     * Resumes a run of one recipe with changes.
     *
     * @throws DataException if the data, the classes or the kernels are others, and that is not accepted
     * @throws WrongModelException if the folder holds a run of another recipe
     */
    public static <C extends Record, M> Run<C, M> resume(
            RunFolder folder, Recipe<C, M> recipe, Backend backend, Opening opening, Changes changes)
            throws IOException {
        StoredRun<?, ?> stored = StoredRun.read(folder.path());
        if (!stored.recipe().equals(recipe)) {
            throw new WrongModelException(folder.path(), "a run of " + recipe.name());
        }
        @SuppressWarnings("unchecked") // the recipe of a run of C and M
        var own = (StoredRun<C, M>) stored;
        return resume(folder, own, backend, opening, changes);
    }

    private static <C extends Record, M> Run<C, M> resume(
            RunFolder folder, StoredRun<C, M> stored, Backend backend, Opening opening, Changes changes)
            throws IOException {
        Preset<C> preset = changes.to(stored.preset(), folder.path());
        Optional<RunIdentity> then = RunIdentity.read(folder.path());
        Prepared<C, M> prepared = stored.recipe().open(preset, opening.resuming(folder.path()));
        try {
            if (then.isEmpty()) {
                LOG.warn(
                        "{} is a run of an earlier version: whether its data are the same can not be told",
                        folder.path());
            } else {
                var now = RunIdentity.of(prepared.identity()).withKernels(backend.kernels());
                RunIdentity next = then.get().goingOnWith(now, folder.path(), changes.acceptData());
                if (!next.equals(then.get()) || !preset.equals(stored.preset())) {
                    new StoredRun<>(stored.recipe(), prepared.preset()).write(folder.config(), next);
                }
            }
        } catch (IOException | RuntimeException e) {
            prepared.close();
            throw e;
        }
        return new Run<>(folder, stored.recipe(), prepared, backend);
    }

    public Recipe<C, M> recipe() {
        return recipe;
    }

    public RunFolder folder() {
        return folder;
    }

    /** The preset as it is trained. */
    public Preset<C> preset() {
        return prepared.preset();
    }

    /** A description of the data in one line. */
    public String describe() {
        return prepared.describe();
    }

    /** The model as it is now. */
    public Parameters.Built<M> built() {
        return built;
    }

    public M model() {
        return built.model();
    }

    /** The number of examples that could not be read so far. */
    public int unreadable() {
        return prepared.unreadable();
    }

    /** The memory that a step takes, found without running one. */
    public MemoryEstimate memory() {
        return memory(recipe, prepared.preset(), backend);
    }

    /** The memory that a step of a preset takes on a device, found without running one and without data. */
    public static <C extends Record, M> MemoryEstimate memory(Recipe<C, M> recipe, Preset<C> preset, Backend backend) {
        return MemoryEstimate.of(
                (device, owner) -> recipe.random(recipe.build(preset, device, owner), preset, 1),
                recipe.training(preset),
                backend.precision());
    }

    /** The metrics of the model as it is now, on the held-out data. */
    public Evaluation evaluation() throws IOException {
        if (evaluation == null) {
            evaluation = prepared.evaluation(built, backend);
        }
        return evaluation;
    }

    /**
     * The training loop. It evaluates on the held-out data and makes samples, unless the hooks replace them.
     *
     * @param hooks callbacks of the run
     */
    public Trainer trainer(TrainingHooks hooks) throws IOException {
        try {
            return trainer(hooks, recipe.training(prepared.preset()));
        } catch (IOException | RuntimeException e) {
            folder.abandon();
            throw e;
        }
    }

    private Trainer trainer(TrainingHooks hooks, TrainingConfig config) throws IOException {
        if (objective == null) {
            objective = prepared.objective(built);
        }
        TrainingHooks full = hooks.evaluation() == null ? hooks.withEvaluation(evaluation()) : hooks;
        Preview preview = hooks.preview() == null ? prepared.preview(built, backend, folder.path()) : null;
        full = preview == null ? full : full.withPreview(preview);
        return new Trainer(backend, objective, config, full.withExtraState(ExtraState.choices(backend)), folder);
    }

    /** The results of the run so far, from its log. */
    public Summary summary() throws IOException {
        return prepared.summary(built, backend, MetricsLog.read(folder.metrics()));
    }

    @Override
    public void close() throws IOException {
        if (objective != null) {
            objective.close();
        }
        if (evaluation != null) {
            evaluation.close();
        }
        scope.close();
        prepared.close();
    }
}
