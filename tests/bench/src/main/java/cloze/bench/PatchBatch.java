package cloze.bench;

/** Images as patches, and which of them are kept. */
public final class PatchBatch {
    private final MaeShape shape;
    private final float[] patches;
    private final float[] encoderPositions;
    private final float[] decoderPositions;
    private final int[] order;

    public PatchBatch(MaeShape shape) {
        this.shape = shape;
        var samples = new Samples(1);
        patches = samples.normal(shape.batch() * shape.patches() * shape.pixels(), 1);
        encoderPositions = samples.normal(shape.patches() * shape.encoder().width(), 0.02);
        decoderPositions =
                samples.normal((shape.patches() + 1) * shape.decoder().width(), 0.02);
        order = samples.orders(shape.batch(), shape.patches());
    }

    /** [B, N, P P C] */
    public float[] patches() {
        return patches.clone();
    }

    /** [N, D] */
    public float[] encoderPositions() {
        return encoderPositions.clone();
    }

    /** [N + 1, decoder's D] */
    public float[] decoderPositions() {
        return decoderPositions.clone();
    }

    /** [B, M], the kept patches in a random order. */
    public int[] kept() {
        var kept = new int[shape.batch() * shape.kept()];
        for (int b = 0; b < shape.batch(); b++) {
            System.arraycopy(order, b * shape.patches(), kept, b * shape.kept(), shape.kept());
        }
        return kept;
    }

    /** [B, N], the place of each patch in the random order: kept if less than M. */
    public int[] ranks() {
        int n = shape.patches();
        var ranks = new int[order.length];
        for (int i = 0; i < order.length; i++) {
            ranks[i / n * n + order[i]] = i % n;
        }
        return ranks;
    }

    /** [B, N], 1 where a patch is hidden and has to be predicted. */
    public float[] hidden() {
        var hidden = new float[order.length];
        int[] ranks = ranks();
        for (int i = 0; i < hidden.length; i++) {
            hidden[i] = ranks[i] < shape.kept() ? 0 : 1;
        }
        return hidden;
    }
}
