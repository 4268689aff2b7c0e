package cloze.recipe;

import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.model.SimMim;
import cloze.model.SimMimConfig;
import java.util.List;
import java.util.Optional;

/** All recipes. A new system is one more line here. */
public final class Recipes {
    /** Language models that read from left to right. */
    public static final Recipe<GptConfig, Gpt> GPT = new GptRecipe();

    /** Masked autoencoders. */
    public static final Recipe<MaeConfig, Mae> MAE = new MaeRecipe();

    /** SimMIM. */
    public static final Recipe<SimMimConfig, SimMim> SIMMIM = new SimMimRecipe();

    /** Fine-tuning of an image encoder, which begins with a checkpoint. */
    public static final ClassifierRecipe CLASSIFIER = new ClassifierRecipe();

    /** In the order of the help. */
    public static final List<Recipe<?, ?>> ALL = List.of(GPT, MAE, SIMMIM, CLASSIFIER);

    private Recipes() {}

    /** The recipe of a name. */
    public static Optional<Recipe<?, ?>> named(String name) {
        return ALL.stream().filter(recipe -> recipe.name().equals(name)).findFirst();
    }

    /** Recipes that begin with random weights. */
    public static List<Recipe<?, ?>> pretraining() {
        return ALL.stream().filter(recipe -> !recipe.startsFromCheckpoint()).toList();
    }
}
