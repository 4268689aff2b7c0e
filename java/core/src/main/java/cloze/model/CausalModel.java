package cloze.model;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.nn.DecoderState;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.List;

/**
 * A language model that predicts each token from those before it, for training, held-out loss, scoring and generation.
 * Thread-safe for inference; a {@link DecoderState} is for one thread at a time.
 */
public interface CausalModel {
    /** V */
    int vocabulary();

    /** T, the longest window. */
    int context();

    /**
     * The mean of {@code -log p(target)} over the tokens whose target is not ignored, and that of each token.
     *
     * @param ids [B, T] i32
     * @param targets [B, T] i32, the ids one place further
     * @return the mean [1] and the tokens' [B, T]
     */
    List<Tensor> losses(Tape tape, Tensor ids, Tensor targets);

    /**
     * The logits of the token that follows each row, after the tokens of {@code ids} have been added to the state.
     *
     * @param ids [B, T] i32
     * @param ends [B, 1] i32, index in [0, T) of the last token of each row; padding comes after it
     * @param state made by {@link #state}
     * @return [B, 1, V]
     */
    Tensor next(Tape tape, Tensor ids, Tensor ends, DecoderState state);

    /**
     * An empty state.
     *
     * @param scope owns its memory
     * @param batch B, rows that are decoded together
     * @param capacity most tokens of a row
     */
    DecoderState state(Backend backend, Scope scope, int batch, int capacity);
}
