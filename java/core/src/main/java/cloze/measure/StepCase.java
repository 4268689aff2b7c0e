package cloze.measure;

import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.recipe.Preset;
import cloze.recipe.Recipe;
import cloze.recipe.Recipes;
import cloze.tensor.Scope;
import cloze.train.Objective;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The training step of a model on random data, which go to the device anew for each step as in a run.
 *
 * @param name for tables
 * @param batch B, examples of a step
 */
public record StepCase<C extends Record, M>(String name, Recipe<C, M> recipe, Preset<C> preset, int batch) {
    private static final long SEED = 1;

    /** A preset of a recipe. */
    static <C extends Record, M> StepCase<C, M> of(String name, Recipe<C, M> recipe, String preset, int batch) {
        Preset<C> found = recipe.presets().get(preset);
        if (found == null) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "%s has no preset %s", recipe.name(), preset));
        }
        return of(name, recipe, found, batch);
    }

    private static <C extends Record, M> StepCase<C, M> of(
            String name, Recipe<C, M> recipe, Preset<C> preset, int batch) {
        var seeded = preset.withSettings(preset.settings().withBatch(batch, 1).withSeed(SEED));
        return new StepCase<>(name, recipe, seeded, batch);
    }

    /** The presets that the recipes name for a large GPU, or for a few cores. */
    static List<StepCase<?, ?>> of(boolean large) {
        List<StepCase<?, ?>> all = new ArrayList<>();
        for (Recipe<?, ?> recipe : Recipes.ALL) {
            for (Recipe.Benchmark each : recipe.benchmarks()) {
                if (each.large() == large) {
                    all.add(of(name(recipe, each.preset()), recipe, each.preset(), each.batch()));
                }
            }
        }
        return all;
    }

    /** {@code gpt-nano}, {@code mae-vit-base}, and {@code gpt2}, which says already what it is. */
    private static String name(Recipe<?, ?> recipe, String preset) {
        return preset.startsWith(recipe.name()) ? preset : recipe.name() + "-" + preset;
    }

    /** The tiny models of all recipes, for a quick check. */
    static List<StepCase<?, ?>> tiny() {
        List<StepCase<?, ?>> all = new ArrayList<>();
        for (Recipe<?, ?> recipe : Recipes.ALL) {
            all.add(tiny(recipe));
        }
        return all;
    }

    private static <C extends Record, M> StepCase<C, M> tiny(Recipe<C, M> recipe) {
        return of(recipe.name() + "-tiny", recipe, recipe.tiny(), 2);
    }

    /** Sizes, so that a program can read them: "L12 D768 H12 V50257 B16 T1024". */
    public String shape() {
        return recipe.shape(preset.model(), batch);
    }

    /** Operations of forward and backward, two for each multiply-add; recomputation is not counted. */
    public double flops() {
        return batch * recipe.operations(preset.model());
    }

    /** @param scope owns the model */
    public Objective objective(Backend backend, Scope scope) {
        Parameters.Built<M> built = recipe.build(preset, backend, scope);
        return recipe.random(built, preset, SEED);
    }
}
