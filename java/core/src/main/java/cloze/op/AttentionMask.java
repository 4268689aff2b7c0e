package cloze.op;

import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** The keys that a query sees. */
public sealed interface AttentionMask {
    /** Every key. */
    record None() implements AttentionMask {}

    /** Key j of query i if {@code j <= i}. */
    record Causal() implements AttentionMask {}

    /**
     * The kept keys.
     *
     * @param keep [B, T] i32, 1 keeps
     */
    record KeyPadding(Tensor keep) implements AttentionMask {}

    /**
     * The kept keys up to the query.
     *
     * @param keep [B, T] i32, 1 keeps
     */
    record CausalKeyPadding(Tensor keep) implements AttentionMask {}

    /** Keys less than {@code width} positions away: before the query if {@code causal}, to both sides if not. */
    record Window(int width, boolean causal) implements AttentionMask {
        public Window {
            Check.that(width > 0, "AttentionMask.Window", "width", "positive", width);
        }
    }

    default @Nullable Tensor keep() {
        return switch (this) {
            case KeyPadding mask -> mask.keep;
            case CausalKeyPadding mask -> mask.keep;
            case None _, Causal _, Window _ -> null;
        };
    }

    default boolean causal() {
        return switch (this) {
            case Causal _, CausalKeyPadding _ -> true;
            case Window window -> window.causal;
            case None _, KeyPadding _ -> false;
        };
    }

    /** Width of the window, 0 for none. */
    default int window() {
        return this instanceof Window window ? window.width : 0;
    }

    /**
     * Pairs of a query and a key that it sees, where the queries are the last of the keys' positions. The full square
     * {@code queries keys} without a mask; {@code T (T + 1) / 2} of T causal queries and keys; padding hides nothing here.
     *
     * @param queries 0 or more, at most {@code keys} unless every key is seen
     */
    default long pairs(long queries, long keys) {
        if (!causal() && window() == 0) {
            return queries * keys;
        }
        Check.that(queries <= keys, "AttentionMask", "queries", "at most " + keys + ", as many as keys", queries);
        long reach = window() == 0 ? keys : window() - 1L;
        long before = within(keys, reach) - within(keys - queries, reach);
        return before + queries + (causal() ? 0 : within(queries, reach));
    }

    /** The sum of {@code min(i, most)} over i in [0, n). */
    private static long within(long n, long most) {
        return n <= most + 1 ? n * (n - 1) / 2 : most * (most + 1) / 2 + (n - most - 1) * most;
    }
}
