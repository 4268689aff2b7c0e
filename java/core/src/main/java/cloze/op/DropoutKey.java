package cloze.op;

/**
 * The key of a dropout mask. The mask is a function of the key and of the element's index alone. It does not depend on
 * threads or device, and {@code backward} recomputes it instead of reading it.
 *
 * @param rate share that is dropped, in [0, 1); the others are scaled by {@code 1 / (1 - rate)}
 * @param seed of the run
 * @param offset different for each use within the run
 */
public record DropoutKey(float rate, long seed, long offset) {
    public static final DropoutKey NONE = new DropoutKey(0, 0, 0);

    public DropoutKey {
        Check.that(rate >= 0 && rate < 1, "Dropout", "rate", "in [0, 1)", rate);
    }
}
