package cloze.cuda.launch;

import cloze.cuda.driver.Extent;
import java.util.function.Function;

/** The launches of the gradient of a table in {@code embedding.cu}, and the sizes that they follow from. */
public record EmbeddingLaunches(long tokens, long rows, long d) {
    /** Tokens of a block that sorts. */
    private static final int TILE = 256;

    private static final long LEAST_CHUNK = 1024;
    private static final long MOST_CHUNKS = 32;

    /** Tokens of a row that a warp sums. */
    private static final long PIECE = 64;

    /** Columns of a warp if there are few rows. */
    private static final long COLUMNS = 256;

    static EmbeddingLaunches of(KernelSizes s) {
        return new EmbeddingLaunches(s.product("b", "t"), s.of("v"), s.of("d"));
    }

    private long chunks() {
        long chunk = Math.max(LEAST_CHUNK, Math.ceilDiv(tokens, MOST_CHUNKS * TILE) * TILE);
        return Math.ceilDiv(tokens, chunk);
    }

    private long counts() {
        return (chunks() + 1) * rows + 1;
    }

    private long pieces() {
        return Math.ceilDiv(tokens, PIECE);
    }

    public static LaunchPlan plan() {
        return LaunchPlan.first(s -> Stage.elements(of(s).counts()))
                .then("count", threads(s -> of(s).tokens))
                .then("places", threads(s -> of(s).rows))
                .then("order", threads(s -> of(s).tokens))
                .then("sum", s -> Stage.rows(of(s).tokens + of(s).rows))
                .then("join", s -> Stage.rows(of(s).pieces() * Math.ceilDiv(of(s).d, COLUMNS)))
                .then("positions", s -> Stage.rows(s.of("p") * Math.ceilDiv(of(s).d, COLUMNS)))
                .scratch(s -> Integer.BYTES * (of(s).pieces() * of(s).d + of(s).tokens + of(s).counts()));
    }

    private static Function<KernelSizes, Extent> threads(Function<KernelSizes, Long> count) {
        return sizes -> Extent.blocks(Math.ceilDiv(count.apply(sizes), TILE), TILE);
    }
}
