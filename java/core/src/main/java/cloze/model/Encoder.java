package cloze.model;

import cloze.autograd.Tape;
import cloze.tensor.Tensor;

/**
 * A model that turns examples into vectors, for probes, fine-tuning, search and projection. Thread-safe for inference.
 *
 * @param <X> a batch of examples on the host: normalised pixels [B, side, side, C] as {@code float[]}
 */
public interface Encoder<X> {
    /** D, the length of a vector. */
    int width();

    /**
     * The vector of each example.
     *
     * @return [B, D]
     */
    Tensor features(Tape tape, X batch, Pooling pooling);
}
