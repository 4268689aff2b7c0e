package cloze.op;

import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** Which keys a query sees. */
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
}
