package cloze.model;

import cloze.autograd.Tape;
import cloze.nn.RandomMask;
import cloze.tensor.Tensor;
import java.util.List;

/** A model that predicts the pixels of hidden patches from the visible ones. */
public interface MaskedImageModel {
    Vit encoder();

    /** The number of patches of an image that are hidden. */
    int hidden();

    /** True if the pixels of each patch are predicted normalised. */
    boolean normalizes();

    /**
     * The patches of a batch of images.
     *
     * @param images [B, H, W, C] row by row, normalised
     * @return [B, N, P P C]
     */
    default Tensor patches(Tape tape, float[] images) {
        return encoder().patches(tape, images);
    }

    /** A mask for a batch; it depends on the two numbers alone. */
    RandomMask mask(Tape tape, int images, long seed, long offset);

    /** The loss over the hidden patches, a scalar, and the error of every patch [B, N]. */
    List<Tensor> losses(Tape tape, Tensor patches, RandomMask mask);

    /** @return [B, N, P P C], the prediction for every patch; only those of hidden patches are meaningful */
    Tensor predict(Tape tape, Tensor patches, RandomMask mask);
}
