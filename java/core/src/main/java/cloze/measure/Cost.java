package cloze.measure;

/**
 * What a call has to do at the least; one of the two is its limit, the other 0.
 *
 * @param flops operations, two for each multiply-add
 * @param bytes that it reads and writes
 */
public record Cost(double flops, double bytes) {
    /** Where nothing is known that it could be compared with. */
    public static final Cost NONE = new Cost(0, 0);

    static Cost ofFlops(double flops) {
        return new Cost(flops, 0);
    }

    static Cost ofBytes(double bytes) {
        return new Cost(0, bytes);
    }
}
