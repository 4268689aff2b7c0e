package cloze.recipe;

import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.train.Evaluation;
import cloze.train.ExtraState;
import cloze.train.MemoryEstimate;
import cloze.train.Objective;
import cloze.train.Preview;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingConfig;
import cloze.train.TrainingHooks;
import cloze.train.log.MetricsLog;
import java.io.IOException;
import java.nio.file.Files;
import org.jspecify.annotations.Nullable;

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
        Preset<C> on = chosen.withSettings(chosen.settings().withPrecision(backend.precision()));
        try {
            Prepared<C, M> prepared = recipe.open(on, opening);
            try {
                recipe.training(prepared.preset()); // refuses settings that exclude each other
                prepared.save(folder.path());
                new StoredRun<>(recipe, prepared.preset()).write(folder.config());
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
        return resume(folder, StoredRun.read(folder.path()), backend, opening);
    }

    /**
     * Resumes a run of one recipe.
     *
     * @throws WrongModelException if the folder holds a run of another recipe
     */
    public static <C extends Record, M> Run<C, M> resume(
            RunFolder folder, Recipe<C, M> recipe, Backend backend, Opening opening) throws IOException {
        StoredRun<?, ?> stored = StoredRun.read(folder.path());
        if (!stored.recipe().equals(recipe)) {
            throw new WrongModelException(folder.path(), "a run of " + recipe.name());
        }
        @SuppressWarnings("unchecked") // the recipe of a run of C and M
        var own = (StoredRun<C, M>) stored;
        return resume(folder, own, backend, opening);
    }

    private static <C extends Record, M> Run<C, M> resume(
            RunFolder folder, StoredRun<C, M> stored, Backend backend, Opening opening) throws IOException {
        Prepared<C, M> prepared = stored.recipe().open(stored.preset(), opening.resuming(folder.path()));
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
        return new Trainer(
                backend,
                objective,
                config,
                full.withExtraState(ExtraState.choices(backend)),
                folder);
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
