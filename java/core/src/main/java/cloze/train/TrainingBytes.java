package cloze.train;

/**
 * Bytes that training takes on a device, without activations.
 *
 * @param weights that the forward pass reads
 * @param gradients as they are summed
 * @param moments both of AdamW
 * @param master float32 copy of weights that are held in a shorter type
 */
public record TrainingBytes(long weights, long gradients, long moments, long master) {
    private static final int FLOAT = Float.BYTES;
    private static final int HALF = Short.BYTES;

    /** Training in float32. */
    public static TrainingBytes singlePrecision(long parameters) {
        return new TrainingBytes(FLOAT * parameters, FLOAT * parameters, 2 * FLOAT * parameters, 0);
    }

    /** Training in bf16 with float32 master weights, moments and gradient sums. */
    public static TrainingBytes mixedPrecision(long parameters) {
        return new TrainingBytes(HALF * parameters, FLOAT * parameters, 2 * FLOAT * parameters, FLOAT * parameters);
    }

    public long total() {
        return weights + gradients + moments + master;
    }
}
