package cloze.bench;

/** Tokens and those that follow them. */
public final class TokenBatch {
    private final int[] ids;
    private final int[] targets;

    public TokenBatch(GptShape shape) {
        var samples = new Samples(1);
        ids = samples.below(shape.vocabulary(), shape.batch() * shape.tokens());
        targets = samples.below(shape.vocabulary(), shape.batch() * shape.tokens());
    }

    /** [B, T] */
    public int[] ids() {
        return ids.clone();
    }

    /** [B, T] */
    public int[] targets() {
        return targets.clone();
    }
}
