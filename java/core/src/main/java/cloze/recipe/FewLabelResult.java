package cloze.recipe;

import java.util.Locale;
import java.util.Objects;

/**
 * The accuracy of one classifier trained on few labels.
 *
 * @param accuracy on held-out images, from 0 to 1
 * @param loss on them, in nats
 * @param seconds of training and evaluation
 */
public record FewLabelResult(Cell cell, double accuracy, double loss, long steps, double seconds) {
    public FewLabelResult {
        Objects.requireNonNull(cell, "cell");
    }

    /**
     * One run.
     *
     * @param scratch true if the network began with random weights
     * @param perClass images of each class, 0 for all
     * @param seed of the choice of images, the head and everything else random
     */
    public record Cell(boolean scratch, int perClass, long seed) {
        /** The name of its folder, such as {@code pretrained-10-seed-1337}. */
        public String name() {
            return String.format(
                    Locale.ROOT,
                    "%s-%s-seed-%d",
                    scratch ? "scratch" : "pretrained",
                    perClass == 0 ? "all" : "" + perClass,
                    seed);
        }
    }
}
