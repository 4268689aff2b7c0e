package cloze.op;

/**
 * The heads that share the last axis of {@code qkv}, which is {@code (queries + 2 keyValues) width}: query heads first,
 * then key heads, then value heads.
 *
 * @param queries H, query heads
 * @param keyValues key and value heads, each shared by {@code queries / keyValues} query heads
 * @param width K, of one head
 */
public record Heads(int queries, int keyValues, int width) {
    // products of extents with it stay far below 2^31
    private static final int LARGEST = 1 << 24;

    public Heads {
        Check.that(queries > 0, "Heads", "queries", "positive", queries);
        Check.that(width > 0, "Heads", "width", "positive", width);
        Check.that(
                keyValues > 0 && queries % keyValues == 0, "Heads", "keyValues", "a divisor of " + queries, keyValues);
        long fused = (queries + 2L * keyValues) * width;
        Check.that(fused <= LARGEST, "Heads", "queries + 2 keyValues, times the width,", "2^24 or less", fused);
    }

    /** Heads that each have keys and values of their own. */
    public static Heads of(int heads, int width) {
        return new Heads(heads, heads, width);
    }

    /** Extent of the last axis of {@code qkv}. */
    public int fused() {
        return (queries + 2 * keyValues) * width;
    }

    /** Extent of the last axis of the result. */
    public int inner() {
        return queries * width;
    }
}
