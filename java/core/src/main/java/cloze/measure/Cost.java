package cloze.measure;

/**
 * The least work of a call; one of the two is its limit, the other 0.
 *
 * @param flops operations, two for each multiply-add
 * @param bytes that it reads and writes
 */
public record Cost(double flops, double bytes) {
    /** A cost without a ceiling to compare with. */
    public static final Cost NONE = new Cost(0, 0);

    static Cost ofFlops(double flops) {
        return new Cost(flops, 0);
    }

    static Cost ofBytes(double bytes) {
        return new Cost(0, bytes);
    }
}
