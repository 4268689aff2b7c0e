package cloze.recipe;

import cloze.setting.Setting;

/**
 * The weights with which a run begins.
 *
 * @param checkpoint folder of a model; empty for random weights
 * @param scratch true if only the sizes are taken from the checkpoint, and the weights are random
 */
public record Start(
        @Setting(
                value = "Pre-trained encoder to begin with: a run folder, or one of Hugging Face or timm.",
                label = "DIR")
        String checkpoint,

        @Setting(
                value = "Begin with random weights in a network of the checkpoint's sizes, to compare with.",
                flag = "from-scratch")
        boolean scratch) {
    /** Random weights. */
    public static final Start RANDOM = new Start("", false);
}
